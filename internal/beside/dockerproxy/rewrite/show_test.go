package rewrite_test

import (
	"strconv"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

// TestContainers: what a container was created with is shown again as the job wrote it.
func TestContainers(t *testing.T) {
	const (
		binds  = `["{W}:/__w","{S}:/s","{W}/x/../_temp/a:/a:ro","/tst/work//_temp/b/:/b","vol:/v"]`
		mounts = `[{"Type":"bind","Source":"{W}/./_temp/m","Target":"/m"},{"Type":"bind","Source":"/tst","Target":"/tst"}]`
		create = `{"HostConfig":{"Binds":` + binds + `,"Mounts":` + mounts + `,"AutoRemove":true}}`
		stored = `{"HostConfig":{"Binds":["{W}:/__w","{P}:/__w/_temp","{M}:/s","{P}/a:/a:ro","{P}/b:/b","vol:/v"],"Mounts":[{"Type":"bind","Source":"{P}/m","Target":"/m"},{"Type":"bind","Source":"/tst","Target":"/tst"},{"Type":"bind","Source":"{P}","Target":"/tst/work/_temp"},{"Type":"bind","Source":"{M}","Target":"/tst/run/docker.sock"}],"AutoRemove":true}}`
	)
	tr := newTranslator()
	got, created, err := tr.ContainerCreate([]byte(expand(create)))
	if err != nil || string(got) != expand(stored) {
		t.Fatalf("became %s (%v)\nwant   %s", got, err, expand(stored))
	}
	created(201, []byte(`{"Id":"c1","Warnings":[]}`))
	show := func(shown, want string) {
		t.Helper()
		if got := rewrite.Containers(tr, []byte(expand(shown))); string(got) != expand(want) {
			t.Errorf("%s\nshown as %s\nwant     %s", expand(shown), got, expand(want))
		}
	}
	show(`{"Id":"c1",`+stored[1:], `{"Id":"c1",`+create[1:])
	// The daemon lists its mounts in any order, with cleaned sources.
	for _, c := range []struct{ shown, want string }{
		{`[{"Type":"bind","Source":"{P}","Destination":"/__w/_temp"}]`, `[]`},
		{`[ {"Source":"{P}","Destination":"/__w/_temp"} , {"Source":"{P}/a","Destination":"/a"} ]`, `[ {"Source":"{W}/_temp/a","Destination":"/a"} ]`},
		{`[{"Source":"{P}/b","Destination":"/b"},{"Source":"{M}","Destination":"/tst/run/docker.sock"},{"Source":"{P}","Destination":"/__w/_temp"},{"Source":"{M}","Destination":"/s"}]`, `[{"Source":"{T}/b","Destination":"/b"},{"Source":"{S}","Destination":"/s"}]`},
		{`[{"Source":"{P}","Destination":"/__w/_temp"},{"Source":"{M}","Destination":"/tst/run/docker.sock"},{"Source":"{W}","Destination":"/__w"},{"Source":"{P}","Destination":"/tst/work/_temp"}]`, `[{"Source":"{W}","Destination":"/__w"}]`},
		{`[{"Type":"volume","Name":"vol","Source":"/var/lib/docker/volumes/vol/_data","Destination":"/v"},{"Source":"","Destination":"/t"}]`, `[{"Type":"volume","Name":"vol","Source":"/var/lib/docker/volumes/vol/_data","Destination":"/v"},{"Source":"","Destination":"/t"}]`},
	} {
		show(`{"Id":"c1","Mounts":`+c.shown+`}`, `{"Id":"c1","Mounts":`+c.want+`}`)
		show(`[{"Id":"c0"},{"Id":"c1","Mounts":`+c.shown+`}]`, `[{"Id":"c0"},{"Id":"c1","Mounts":`+c.want+`}]`)
	}
	// What the job wrote as the host's path stays that.
	_, created, _ = tr.ContainerCreate([]byte(expand(`{"HostConfig":{"Binds":["{P}/q:/q"]}}`)))
	created(201, []byte(`{"Id":"c3"}`))
	show(`{"Id":"c3","HostConfig":{"Binds":["{P}/q:/q"]},"Mounts":[{"Source":"{P}/q","Destination":"/q"}]}`, `{"Id":"c3","HostConfig":{"Binds":["{P}/q:/q"]},"Mounts":[{"Source":"{P}/q","Destination":"/q"}]}`)
	// A container whose making was not seen: the place is put back.
	show(`{"Id":"c2","HostConfig":{"Binds":["{P}/q:/q:ro"]},"Mounts":[{"Source":"{P}/q","Destination":"/q"}]}`, `{"Id":"c2","HostConfig":{"Binds":["{T}/q:/q:ro"]},"Mounts":[{"Source":"{T}/q","Destination":"/q"}]}`)
	show(`{"message":"No such container: {P}"}`, `{"message":"No such container: {P}"}`)
	show(`not json`, `not json`)
	if got, want := string(rewrite.DiskUsage(tr, []byte(expand(`{"Containers":[{"Id":"c1","Mounts":[{"Source":"{P}/a","Destination":"/a"}]}],"Volumes":[{"Options":{"device":"{P}"}}],"ContainerUsage":{"Items":[{"Id":"c1","Mounts":[{"Source":"{P}/a","Destination":"/a"}]}]},"VolumeUsage":{"Items":[{"Options":{"device":"{P}"}}]}}`)))),
		expand(`{"Containers":[{"Id":"c1","Mounts":[{"Source":"{W}/_temp/a","Destination":"/a"}]}],"Volumes":[{"Options":{"device":"{T}"}}],"ContainerUsage":{"Items":[{"Id":"c1","Mounts":[{"Source":"{W}/_temp/a","Destination":"/a"}]}]},"VolumeUsage":{"Items":[{"Options":{"device":"{T}"}}]}}`); got != want {
		t.Errorf("disk usage %s\nwant %s", got, want)
	}
}

func TestVolumes(t *testing.T) {
	tr := newTranslator()
	tr.VolumeCreate([]byte(expand(`{"Name":"v","DriverOpts":{"o":"bind","device":"{W}/../work/_temp/d"}}`)))
	for _, c := range []struct{ shown, want string }{
		{`{"Name":"v","Options":{"o":"bind","device":"{P}/d"}}`, `{"Name":"v","Options":{"o":"bind","device":"{W}/../work/_temp/d"}}`},
		{`{"Volumes":[{"Name":"w","Options":{"device":"{P}/e"}},{"Options":null}],"Warnings":null}`, `{"Volumes":[{"Name":"w","Options":{"device":"{T}/e"}},{"Options":null}],"Warnings":null}`},
	} {
		if got := rewrite.Volumes(tr, []byte(expand(c.shown))); string(got) != expand(c.want) {
			t.Errorf("%s\nshown as %s\nwant     %s", expand(c.shown), got, expand(c.want))
		}
	}
}

// TestOfEarlierJobs: the folder and the socket of a job that has ended read as the paths that they covered, wherever
// the daemon names them. Nothing else does.
func TestOfEarlierJobs(t *testing.T) {
	tr := newTranslator()
	const old = "{W}/.worker-wrap/123-456-4026531836-0123456789ab"
	for _, c := range []struct{ text, want string }{
		{old, "{T}"},
		{old + "/a b", "{T}/a b"},
		{old + ".2/a", "{T}/a"},
		{old + ".docker.sock", "{S}"},
		{old + ".2.docker.sock", "{S}"},
		{"{P}/x", "{T}/x"},
		{"{M}", "{S}"},
		{`bind source path does not exist: ` + old + `/a.`, `bind source path does not exist: {T}/a.`},
		{`error mounting "` + old + `" to rootfs at "/x": stat {P}: no such file`, `error mounting "{T}" to rootfs at "/x": stat {T}: no such file`},
		{"see " + old + ". And {M}, too", "see {T}. And {S}, too"},
		{"/backup" + old, ""},
		{old + "x", ""},
		{"{W}/.worker-wrap/events", ""},
		{"{W}/.worker-wrap/", ""},
	} {
		want := c.want
		if want == "" {
			want = c.text
		}
		message := `{"message":` + strconv.Quote(expand(c.text)) + `}`
		if got := string(rewrite.Errors(tr, []byte(message))); got != `{"message":`+strconv.Quote(expand(want))+`}` {
			t.Errorf("%s became %s", message, got)
		}
	}
	shown := expand(`[{"Id":"x","HostConfig":{"Binds":["` + old + `/a:/a:ro"]},"State":{"Error":"no ` + old + `"},"Mounts":[{"Source":"` + old + `/a","Destination":"/a"}]}]`)
	if got, want := string(rewrite.Containers(tr, []byte(shown))), expand(`[{"Id":"x","HostConfig":{"Binds":["{T}/a:/a:ro"]},"State":{"Error":"no {T}"},"Mounts":[{"Source":"{T}/a","Destination":"/a"}]}]`); got != want {
		t.Errorf("shown as %s, want %s", got, want)
	}
}

// TestDaemonsOwnSpelling: Podman shows binds with flags of its own, and a swarm's containers have their service's id in
// a label.
func TestDaemonsOwnSpelling(t *testing.T) {
	tr := newTranslator()
	_, created, _ := tr.ContainerCreate([]byte(expand(`{"HostConfig":{"Binds":["{W}/x/../_temp/a:/a","{W}:/w"]}}`)))
	created(201, []byte(`{"Id":"c"}`))
	shown := expand(`{"Id":"c","HostConfig":{"Binds":["{P}/a:/a:rw,rprivate,rbind","{W}:/w:rw,rprivate,rbind","{P}:/w/_temp:rw,rprivate,rbind"]}}`)
	if got, want := string(rewrite.Containers(tr, []byte(shown))), expand(`{"Id":"c","HostConfig":{"Binds":["{T}/a:/a:rw,rprivate,rbind","{W}:/w:rw,rprivate,rbind"]}}`); got != want {
		t.Errorf("Podman's is shown as %s, want %s", got, want)
	}
	_, created = tr.Service("", []byte(expand(`{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","Source":"{W}","Target":"/w"},{"Type":"bind","Source":"{T}//a","Target":"/a"}]}}}`)))
	created(201, []byte(`{"ID":"s"}`))
	const service = `"Labels":{"com.docker.swarm.service.id":"s"}`
	for _, labels := range []string{service, `"Config":{` + service + `}`} {
		shown := expand(`{"Id":"t",` + labels + `,"Mounts":[{"Source":"{W}","Destination":"/w"},{"Source":"{P}","Destination":"/w/_temp"},{"Source":"{P}/a","Destination":"/a"}]}`)
		if got, want := string(rewrite.Containers(tr, []byte(shown))), expand(`{"Id":"t",`+labels+`,"Mounts":[{"Source":"{W}","Destination":"/w"},{"Source":"{T}/a","Destination":"/a"}]}`); got != want {
			t.Errorf("a task's container is shown as %s, want %s", got, want)
		}
	}
}
