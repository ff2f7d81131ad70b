package rewrite_test

import (
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

// TestLasting: a container that can outlive its job gets the real socket, and nothing is added but below a folder of
// its runner's. One that ends with the job gets all.
func TestLasting(t *testing.T) {
	binds := func(s string) string { return `"Binds":["` + strings.ReplaceAll(s, " ", `","`) + `"]` }
	asked := binds("{S}:/var/run/docker.sock /:/rootfs:ro /tst:/x /tst/run:/run {W}:/w {W}/repo/..:/v {T}/a:/a")
	lasting := binds("{S}:/var/run/docker.sock /:/rootfs:ro /tst:/x /tst/run:/run {W}:/w {P}:/w/_temp {W}/repo/..:/v {P}:/v/_temp {P}/a:/a")
	ending := binds("{M}:/var/run/docker.sock /:/rootfs:ro {P}:/rootfs/tst/work/_temp:ro {M}:/rootfs/tst/run/docker.sock:ro /tst:/x {P}:/x/work/_temp {M}:/x/run/docker.sock /tst/run:/run {M}:/run/docker.sock {W}:/w {P}:/w/_temp {W}/repo/..:/v {P}:/v/_temp {P}/a:/a")
	for _, c := range []struct{ name, form, want string }{
		{"nothing said", `{"HostConfig":{B}}`, lasting},
		{"restart", `{"HostConfig":{"RestartPolicy":{"Name":"always"},B}}`, lasting},
		{"not --rm", `{"HostConfig":{"AutoRemove":false,B}}`, lasting},
		{"--rm", `{"HostConfig":{B,"AutoRemove":true}}`, ending},
		{"the last counts", `{"HostConfig":{B,"AutoRemove":true},"hostconfig":{"autoremove":false}}`, lasting},
		{"the runner's", `{"Labels":{"a":"b","0f1e2d":""},"HostConfig":{B}}`, ending},
		{"the runner's container hooks'", `{"Labels":{"72756e6e6572":""},"HostConfig":{B}}`, ending},
		{"a label with a value", `{"Labels":{"0f1e2d":"x"},"HostConfig":{B}}`, lasting},
		{"a label of the user's", `{"Labels":{"backend":""},"HostConfig":{B}}`, lasting},
		{"a short label", `{"Labels":{"cafe":""},"HostConfig":{B}}`, lasting},
	} {
		got, _, err := newTranslator().ContainerCreate([]byte(expand(strings.Replace(c.form, "B", asked, 1))))
		if want := expand(strings.Replace(c.form, "B", c.want, 1)); err != nil || string(got) != want {
			t.Errorf("%s: became %s (%v)\nwant   %s", c.name, got, err, want)
		}
	}
	service := expand(`{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","Source":"{S}","Target":"/s"},{"Type":"bind","Source":"/tst","Target":"/x"}]}}}`)
	if got, _ := newTranslator().Service("", []byte(service)); string(got) != service {
		t.Errorf("a service became %s", got)
	}
}

// TestVolumesOfOthers: the daemon is asked once about a volume that this job did not make. The folder that its device
// leads to is mounted.
func TestVolumesOfOthers(t *testing.T) {
	answers := map[string]string{
		"/volumes/work":  `{"Name":"work","Driver":"local","Mountpoint":"/d/work","Options":{"type":"none","o":"bind","device":"{W}"}}`,
		"/volumes/temp":  `{"Name":"temp","Driver":"local","Options":{"type":"none","o":"bind","device":"{T}"}}`,
		"/volumes/mine":  `{"Name":"mine","Driver":"local","Options":{"type":"none","o":"bind","device":"{P}"}}`,
		"/volumes/old":   `{"Name":"old","Driver":"local","Options":{"type":"none","o":"bind","device":"{W}/.worker-wrap/123-456-4026531836-0123456789ab/a"}}`,
		"/volumes/plain": `{"Name":"plain","Driver":"local","Options":null}`,
		"/volumes/nfs":   `{"Name":"nfs","Driver":"local","Options":{"type":"nfs","o":"addr=1.2.3.4","device":":/x"}}`,
	}
	asked := map[string]int{}
	job := ofJob(answers)
	ask := job.Ask
	job.Ask = func(target string) []byte { asked[target]++; return ask(target) }
	tr := rewrite.New(job)
	mount := func(source, more string) string {
		return `{"HostConfig":{"Mounts":[{"Type":"volume","Source":"` + source + `","Target":"/v"` + more + `}]}}`
	}
	sub := func(path string) string { return `,"VolumeOptions":{"NoCopy":true,"Subpath":"` + path + `"}` }
	bound := func(source string) string {
		return `{"HostConfig":{"Mounts":[{"Type":"bind","Source":"` + source + `","Target":"/v","ReadOnly":false}]}}`
	}
	for range 2 {
		for _, c := range []struct{ body, want string }{
			{`{"HostConfig":{"Binds":["work:/v:nocopy,ro"]}}`, `{"HostConfig":{"Binds":["work:/v:nocopy,ro","{P}:/v/_temp:ro"]}}`},
			{`{"HostConfig":{"Binds":["temp:/v:nocopy"]}}`, `{"HostConfig":{"Binds":["{P}:/v"]}}`},
			{`{"HostConfig":{"Binds":["mine:/v","plain:/p","nfs:/n","none:/o"]}}`, ""},
			{`{"HostConfig":{"Binds":["old:/v:ro"]}}`, `{"HostConfig":{"Binds":["{P}/a:/v:ro"]}}`},
			{mount("old", sub("b")), bound("{P}/a/b")},
			{mount("work", sub("repo")), ""},
			{mount("work", sub("_temp/a")), bound("{P}/a")},
			{mount("work", sub("../_temp")), `{"HostConfig":{"Mounts":[{"Type":"volume","Source":"work","Target":"/v","VolumeOptions":{"NoCopy":true,"Subpath":"../_temp"}},{"Type":"bind","Source":"{P}","Target":"/v/_temp","ReadOnly":false}]}}`},
			{mount("temp", sub("a")), bound("{P}/a")},
			{mount("temp", ""), bound("{P}")},
			{mount("mine", sub("a")), ""},
			{mount("plain", sub("_temp")), ""},
			{mount("new", `,"VolumeOptions":{"Subpath":"_temp/a","DriverConfig":{"Options":{"o":"bind","device":"{W}"}}}`), bound("{P}/a")},
			{mount("new", `,"VolumeOptions":{"Subpath":"a","DriverConfig":{"Options":{"o":"bind","device":"{T}"}}}`), mount("new", `,"VolumeOptions":{"Subpath":"a","DriverConfig":{"Options":{"o":"bind","device":"{P}"}}}`)},
			{mount("temp", `,"VolumeOptions":{"DriverConfig":{"Options":{"o":"bind","device":"{T}/b"}}}`), bound("{P}")},
		} {
			body, want := expand(c.body), expand(c.want)
			if want == "" {
				want = body
			}
			got, created, err := tr.ContainerCreate([]byte(body))
			if err != nil || string(got) != want {
				t.Errorf("%s\nbecame %s (%v)\nwant   %s", body, got, err, want)
			}
			created(201, []byte(`{"Id":"c"}`))
			shown := rewrite.Containers(tr, []byte(`{"Id":"c",`+string(got[1:])))
			if want := `{"Id":"c",` + body[1:]; string(shown) != want {
				t.Errorf("shown as %s\nwant     %s", shown, want)
			}
		}
	}
	for target := range answers {
		if asked[target] != 1 {
			t.Errorf("%s was asked for %d times", target, asked[target])
		}
	}
	answers["/volumes/work"] = answers["/volumes/plain"]
	tr.ForgetVolumes()
	body := `{"HostConfig":{"Binds":["work:/v"]}}`
	if got, _, _ := tr.ContainerCreate([]byte(body)); string(got) != body {
		t.Errorf("a volume that was removed and made again: %s", got)
	}
	// Impossible names are not asked for.
	for _, name := range []string{"a/../b", "a b", "", "a\nb", ".a", "a?b"} {
		clear(asked)
		_, _, _ = tr.ContainerCreate([]byte(`{"HostConfig":{"Binds":["` + name + `:/v"],"VolumesFrom":["` + name + `"]}}`))
		if len(asked) > 0 {
			t.Errorf("%q: asked for %v", name, asked)
		}
	}
}

// TestVolumesFrom: what holds _temp in another container gets the job's own there, and is shown without it.
func TestVolumesFrom(t *testing.T) {
	other := `{"Id":"c0","Mounts":[{"Type":"bind","Source":"{W}","Destination":"/w","RW":true},{"Type":"bind","Source":"{W}","Destination":"/r","RW":false},{"Type":"bind","Source":"/etc","Destination":"/e","RW":true},{"Type":"bind","Source":"{T}","Destination":"/t","RW":true}]}`
	job := ofJob(map[string]string{"/containers/runner/json": other})
	for _, c := range []struct{ body, want string }{
		{`{"HostConfig":{"VolumesFrom":["runner"],"Binds":null}}`, `{"HostConfig":{"VolumesFrom":["runner"],"Binds":["{P}:/w/_temp","{P}:/r/_temp:ro"]}}`},
		{`{"HostConfig":{"VolumesFrom":["runner:ro"]}}`, `{"HostConfig":{"VolumesFrom":["runner:ro"],"Binds":["{P}:/w/_temp:ro","{P}:/r/_temp:ro"]}}`},
		{`{"HostConfig":{"Binds":["a:/b"],"VolumesFrom":["runner"],"Tmpfs":{"/r/_temp":""}}}`, `{"HostConfig":{"Binds":["a:/b","{P}:/w/_temp"],"VolumesFrom":["runner"],"Tmpfs":{"/r/_temp":""}}}`},
		{`{"HostConfig":{"VolumesFrom":["none","runner"],"Mounts":[{"Target":"/w"},{"Target":"/r"}]}}`, ""},
		{`{"HostConfig":{"VolumesFrom":null}}`, ""},
	} {
		body, want := expand(c.body), expand(c.want)
		if want == "" {
			want = body
		}
		if got, _, err := rewrite.New(job).ContainerCreate([]byte(body)); err != nil || string(got) != want {
			t.Errorf("%s\nbecame %s (%v)\nwant   %s", body, got, err, want)
		}
	}
	// From the container that the runner is in, in which its folders have other names.
	job = ofJob(map[string]string{"/containers/runner/json": `{"Id":"me","Mounts":[{"Type":"bind","Source":"/srv/ci","Destination":"{W}","RW":true},{"Type":"volume","Name":"x","Source":"/d/x/_data","Destination":"/tst","RW":true},{"Type":"bind","Source":"{W}","Destination":"/x","RW":true}]}`})
	job.Own = func(id string) bool { return id == "me" }
	body := `{"HostConfig":{"AutoRemove":true,"VolumesFrom":["runner"]}}`
	want := expand(`{"HostConfig":{"AutoRemove":true,"VolumesFrom":["runner"],"Binds":["/srv/ci/.worker-wrap/1:{W}/_temp","/d/x/_data/work/.worker-wrap/1:/tst/work/_temp","/d/x/_data/work/.worker-wrap/1.sock:/tst/run/docker.sock"]}}`)
	if got, _, err := rewrite.New(job).ContainerCreate([]byte(body)); err != nil || string(got) != want {
		t.Errorf("became %s (%v)\nwant   %s", got, err, want)
	}
	// From one of this job's.
	tr := rewrite.New(ofJob(map[string]string{"/containers/first/json": `{"Id":"c1","Mounts":[{"Source":"{W}","Destination":"/w"},{"Source":"{P}","Destination":"/w/_temp"},{"Source":"{P}/a","Destination":"/a"}]}`}))
	_, created, _ := tr.ContainerCreate([]byte(expand(`{"HostConfig":{"Binds":["{W}:/w","{W}/./_temp/a:/a"]}}`)))
	created(201, []byte(`{"Id":"c1"}`))
	body = `{"HostConfig":{"VolumesFrom":["first"]}}`
	got, created, _ := tr.ContainerCreate([]byte(body))
	if string(got) != body {
		t.Errorf("became %s", got)
	}
	created(201, []byte(`{"Id":"c2"}`))
	shown := expand(`{"Id":"c2","Mounts":[{"Source":"{P}","Destination":"/w/_temp"},{"Source":"{P}/a","Destination":"/a"}]}`)
	if got, want := string(rewrite.Containers(tr, []byte(shown))), expand(`{"Id":"c2","Mounts":[{"Source":"{W}/_temp/a","Destination":"/a"}]}`); got != want {
		t.Errorf("shown as %s, want %s", got, want)
	}
}
