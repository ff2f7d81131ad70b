package rewrite_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The places of these tests do not exist, so that nothing depends on the machine's links.
const (
	work = "/tst/work"
	temp = work + "/_temp"
	priv = work + "/.worker-wrap/1"
	sock = "/tst/run/docker.sock"
	mine = work + "/.worker-wrap/1.sock"
)

func newTranslator() *rewrite.Translator {
	return rewrite.New(ofJob(nil))
}

// ofJob is the job of these tests. The daemon answers by the map.
func ofJob(answers map[string]string) rewrite.Job {
	return rewrite.Job{
		Temp: hostpath.Redirect{Job: temp, Host: priv}, Socket: hostpath.Redirect{Job: sock, Host: mine}, Runner: []string{work},
		Ask: func(target string) []byte { return []byte(expand(answers[target])) },
	}
}

// expand writes W for the work folder, T for _temp, P for the private one, S and M for the sockets.
func expand(s string) string {
	return strings.NewReplacer("{W}", work, "{T}", temp, "{P}", priv, "{S}", sock, "{M}", mine).Replace(s)
}

func TestContainerCreate(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{
			"the runner's job container",
			`{"Image":"i","Labels":{"0a1b2c":""},"HostConfig":{"Binds":["{S}:/var/run/docker.sock","{W}:/__w","{T}:/__w/_temp","{W}/_actions:/__w/_actions","{T}/_github_home:/github/home","{T}/_github_workflow:/github/workflow"]}}`,
			`{"Image":"i","Labels":{"0a1b2c":""},"HostConfig":{"Binds":["{M}:/var/run/docker.sock","{W}:/__w","{P}:/__w/_temp","{W}/_actions:/__w/_actions","{P}/_github_home:/github/home","{P}/_github_workflow:/github/workflow"]}}`,
		},
		{"unknown fields, order, numbers and white space stay", " {\n\t\"Z\" : 1.0e3, \"HostConfig\" :{ \"Memory\":9007199254740993 ,\"Binds\" : [ \"{T}/a:/a\" ] , \"New\":{\"x\":[1,2]}}, \"A\":\"\\u0041\"}\n", " {\n\t\"Z\" : 1.0e3, \"HostConfig\" :{ \"Memory\":9007199254740993 ,\"Binds\" : [ \"{P}/a:/a\" ] , \"New\":{\"x\":[1,2]}}, \"A\":\"\\u0041\"}\n"},
		{"flags", `{"HostConfig":{"Binds":["{T}/a:/a:ro,z,rslave","{T}:/b:Z"]}}`, `{"HostConfig":{"Binds":["{P}/a:/a:ro,z,rslave","{P}:/b:Z"]}}`},
		{"not ours", `{"HostConfig":{"Binds":["vol:/a","{W}/repo:/r","{T}x:/x","/a:{T}:ro",":{T}","{T}"]}}`, ""},
		{"more colons than the daemon takes", `{"HostConfig":{"Binds":["{T}/a:b:/c:ro","{T}:/a:ro:z"]}}`, ""},
		{"as encoding/json reads keys", `{"hostconfig":{"BINDS":["{T}:/a"]},"HostConfig":{"binds":["{T}/2:/b"]}}`, `{"hostconfig":{"BINDS":["{P}:/a"]},"HostConfig":{"binds":["{P}/2:/b"]}}`},
		{"a key twice", `{"HostConfig":{"Binds":["{T}:/a"],"Binds":["{T}:/b"]}}`, `{"HostConfig":{"Binds":["{P}:/a"],"Binds":["{P}:/b"]}}`},
		{"at the top, as daemons before API 1.46 take it", `{"Image":"i","Binds":["{T}:/a","{W}:/w"],"Mounts":[{"Type":"bind","Source":"{T}","Target":"/m"}],"Tmpfs":{"/w/_temp":""},"HostConfig":null}`, `{"Image":"i","Binds":["{P}:/a","{W}:/w"],"Mounts":[{"Type":"bind","Source":"{P}","Target":"/m"}],"Tmpfs":{"/w/_temp":""},"HostConfig":null}`},
		{"at the top, as the last HostConfig is none", `{"HostConfig":{},"Binds":["{T}:/a"],"HostConfig":null}`, `{"HostConfig":{},"Binds":["{P}:/a"],"HostConfig":null}`},
		{"not at the top where there is a HostConfig", `{"Binds":["{T}:/a"],"AutoRemove":true,"HostConfig":{"Binds":["{S}:/s"]}}`, ""},
		{"a second array, whose items take over what they lack", `{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/a","Target":"/t"}],"Mounts":[{"Source":"{T}"}]}}`, `{"HostConfig":{"Mounts":[{"Type":"bind","Source":"/a","Target":"/t"}],"Mounts":[{"Source":"{P}"}]}}`},
		{"escapes", `{"HostConfig":{"Binds":["\/tst\u002fwork/_temp/\u00e4<&\u2028:/a"]}}`, `{"HostConfig":{"Binds":["{P}/ä<&\u2028:/a"]}}`},
		{"by its letters", `{"HostConfig":{"Binds":["{W}/x/../_temp/./a/:/a","/tst//work/_temp:/b"]}}`, `{"HostConfig":{"Binds":["{P}/a:/a","{P}:/b"]}}`},
		{"parent", `{"HostConfig":{"Binds":["{W}:/__w"]}}`, `{"HostConfig":{"Binds":["{W}:/__w","{P}:/__w/_temp"]}}`},
		{"parent with flags", `{"HostConfig":{"Binds":["{W}/:/w/:ro,z" ]}}`, `{"HostConfig":{"Binds":["{W}/:/w/:ro,z","{P}:/w/_temp:ro,z" ]}}`},
		{"a shared parent would reach the host", `{"HostConfig":{"Binds":["{W}:/a:rw,rshared","{W}:/b:shared"],"Mounts":[{"Type":"bind","Source":"{W}","Target":"/c","BindOptions":{"Propagation":"rshared"}}]}}`, ""},
		{"far parent", `{"HostConfig":{"Binds":["/:/host:ro"],"AutoRemove":true}}`, `{"HostConfig":{"Binds":["/:/host:ro","{P}:/host/tst/work/_temp:ro","{M}:/host/tst/run/docker.sock:ro"],"AutoRemove":true}}`},
		{"the socket's folder", `{"HostConfig":{"Binds":["/tst/run:/run"],"AutoRemove":true}}`, `{"HostConfig":{"Binds":["/tst/run:/run","{M}:/run/docker.sock"],"AutoRemove":true}}`},
		{"something there already: bind, mount, tmpfs, volume", `{"HostConfig":{"Binds":["{W}:/a","x:/a/_temp/"]}}`, ""},
		{"", `{"HostConfig":{"Binds":["{W}:/a"],"Mounts":[{"Type":"tmpfs","Target":"/a/_temp"}]}}`, ""},
		{"", `{"HostConfig":{"Tmpfs":{"/a/_temp":""},"Binds":["{W}:/a"]}}`, ""},
		{"", `{"Volumes":{"/a/_temp":{}},"HostConfig":{"Binds":["{W}:/a"]}}`, ""},
		{"something between", `{"HostConfig":{"Tmpfs":{"/h/tst/work":""},"Binds":["/tst:/h/tst"],"AutoRemove":true}}`, `{"HostConfig":{"Tmpfs":{"/h/tst/work":""},"Binds":["/tst:/h/tst","{M}:/h/tst/run/docker.sock"],"AutoRemove":true}}`},
		{"mounts", `{"HostConfig":{"Mounts":[{"Type":"bind","Source":"{T}/a:b","Target":"/a","Future":1},{"Type":"volume","Source":"{T}","Target":"/v"},{"Type":"npipe","Source":"{T}"}]}}`, `{"HostConfig":{"Mounts":[{"Type":"bind","Source":"{P}/a:b","Target":"/a","Future":1},{"Type":"volume","Source":"{T}","Target":"/v"},{"Type":"npipe","Source":"{T}"}]}}`},
		{"mount of a parent", `{"HostConfig":{"Mounts":[ {"Target":"/w","Type":"bind", "Source":"{W}","ReadOnly":true,"BindOptions":{"Propagation":"rslave"}} ]}}`, `{"HostConfig":{"Mounts":[ {"Target":"/w","Type":"bind", "Source":"{W}","ReadOnly":true,"BindOptions":{"Propagation":"rslave"}},{"Target":"/w/_temp","Type":"bind", "Source":"{P}","ReadOnly":true,"BindOptions":{"Propagation":"rslave"}} ]}}`},
		{"a volume made with the container", `{"HostConfig":{"Mounts":[{"Type":"volume","Target":"/v","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"none","o":"ro,bind","device":"{T}/d"}}}}]}}`, `{"HostConfig":{"Mounts":[{"Type":"volume","Target":"/v","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"none","o":"ro,bind","device":"{P}/d"}}}}]}}`},
		{"the same of a parent", `{"HostConfig":{"Mounts":[{"Type":"volume","Target":"/v","ReadOnly":true,"VolumeOptions":{"DriverConfig":{"Options":{"o":"rbind","device":"{W}"}}}}]}}`, `{"HostConfig":{"Mounts":[{"Type":"volume","Target":"/v","ReadOnly":true,"VolumeOptions":{"DriverConfig":{"Options":{"o":"rbind","device":"{W}"}}}},{"Type":"bind","Source":"{P}","Target":"/v/_temp","ReadOnly":true}]}}`},
		{"no JSON", `{"HostConfig":{"Binds":["{T}:/a"]`, ""},
		{"of another form", `{"HostConfig":[{"Binds":"{T}:/a","Mounts":{"Type":"bind"}}],"Volumes":7}`, ""},
		{"of another form", `{"HostConfig":{"Binds":[null,7,{"a":"{T}:/a"},["{T}:/a"]],"Mounts":["{T}",null]}}`, ""},
		{"null", `null`, ""},
		{"empty", ``, ""},
		{"behind the value", `{"HostConfig":{"Binds":["{T}:/a"]}} trailing`, `{"HostConfig":{"Binds":["{P}:/a"]}} trailing`},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, want := expand(c.body), expand(c.want)
			if c.want == "" {
				want = body
			}
			got, _, err := newTranslator().ContainerCreate([]byte(body))
			if err != nil || string(got) != want {
				t.Errorf("%s\nbecame %s (%v)\nwant   %s", body, got, err, want)
			}
		})
	}
}

// TestContainerStart: before API 1.24 a start says how the container is made, or nothing.
func TestContainerStart(t *testing.T) {
	tr := newTranslator()
	_, created, _ := tr.ContainerCreate([]byte(expand(`{"HostConfig":{"Binds":["{W}/./_temp:/t"]}}`)))
	created(201, []byte(`{"Id":"c1"}`))
	for _, c := range []struct{ body, becomes, source string }{
		{``, ``, "{W}/./_temp"},
		{`{}`, `{}`, "{W}/./_temp"},
		{`{"Binds":["{W}/../work/_temp:/t"]}`, `{"Binds":["{P}:/t"]}`, "{W}/../work/_temp"},
	} {
		got, created, err := tr.ContainerStart("c1", []byte(expand(c.body)))
		if err != nil || string(got) != expand(c.becomes) {
			t.Errorf("%s\nbecame %s (%v)", c.body, got, err)
		}
		if created != nil {
			created(204, nil)
		}
		bind := func(source string) []byte {
			return []byte(expand(`{"Id":"c1","HostConfig":{"Binds":["` + source + `:/t"]}}`))
		}
		if got := rewrite.Containers(tr, bind("{P}")); string(got) != string(bind(c.source)) {
			t.Errorf("after %s shown as %s", c.body, got)
		}
	}
}

// TestColon: a bind that the short form cannot say is refused, with a way out, instead of misread.
func TestColon(t *testing.T) {
	dir := testkit.Dir(t)
	if err := os.MkdirAll(filepath.Join(dir, "a:b", "_temp"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a:b", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	tr := rewrite.New(rewrite.Job{Temp: hostpath.Redirect{Job: dir + "/a:b/_temp", Host: dir + "/a:b/p"}})
	_, _, err := tr.ContainerCreate([]byte(`{"HostConfig":{"Binds":["` + dir + `/link/_temp:/x"]}}`))
	if err == nil || !strings.Contains(err.Error(), "--mount type=bind") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
	got, _, err := tr.ContainerCreate([]byte(`{"HostConfig":{"Mounts":[{"Type":"bind","Source":"` + dir + `/link/_temp","Target":"/x"}]}}`))
	if err != nil || !strings.Contains(string(got), `"`+dir+`/a:b/p"`) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestVolumeCreate(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{`{"Name":"v","Driver":"local","DriverOpts":{"type":"none","o":"bind","device":"{T}/d"},"Labels":{"device":"{T}"}}`, `{"Name":"v","Driver":"local","DriverOpts":{"type":"none","o":"bind","device":"{P}/d"},"Labels":{"device":"{T}"}}`},
		{`{"DriverOpts":{"o":"rw,rbind","device":"{T}"}}`, `{"DriverOpts":{"o":"rw,rbind","device":"{P}"}}`},
		{`{"Driver":"nfs","DriverOpts":{"o":"bind","device":"{T}"}}`, ""},
		{`{"DriverOpts":{"o":"addr=1.2.3.4","device":"{T}"}}`, ""},
		{`{"DriverOpts":{"O":"bind","device":"{T}"}}`, ""},
		{`{"DriverOpts":null}`, ""},
	} {
		body, want := expand(c.body), expand(c.want)
		if want == "" {
			want = body
		}
		if got, _ := newTranslator().VolumeCreate([]byte(body)); string(got) != want {
			t.Errorf("%s\nbecame %s\nwant   %s", body, got, want)
		}
	}
}

// TestVolumeOfParent: a volume whose device is a parent of _temp shows the private one too.
func TestVolumeOfParent(t *testing.T) {
	tr := newTranslator()
	body := expand(`{"Name":"v","DriverOpts":{"o":"bind","device":"{W}"}}`)
	got, created := tr.VolumeCreate([]byte(body))
	if string(got) != body {
		t.Errorf("became %s", got)
	}
	created(201, []byte(expand(`{"Name":"v","Driver":"local","Options":{"o":"bind","device":"{W}"}}`)))
	for _, c := range []struct{ body, want string }{
		{`{"HostConfig":{"Binds":["v:/v:ro"]}}`, `{"HostConfig":{"Binds":["v:/v:ro","{P}:/v/_temp:ro"]}}`},
		{`{"HostConfig":{"Mounts":[{"Type":"volume","Source":"v","Target":"/v"}]}}`, `{"HostConfig":{"Mounts":[{"Type":"volume","Source":"v","Target":"/v"},{"Type":"bind","Source":"{P}","Target":"/v/_temp","ReadOnly":false}]}}`},
	} {
		if got, _, err := tr.ContainerCreate([]byte(expand(c.body))); err != nil || string(got) != expand(c.want) {
			t.Errorf("%s\nbecame %s (%v)\nwant   %s", c.body, got, err, expand(c.want))
		}
	}
}

func TestService(t *testing.T) {
	body := expand(`{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"i","Mounts":[{"Type":"bind","Source":"{T}","Target":"/t"},{"Type":"bind","Source":"{W}","Target":"/w"}]}}}`)
	want := expand(`{"Name":"s","TaskTemplate":{"ContainerSpec":{"Image":"i","Mounts":[{"Type":"bind","Source":"{P}","Target":"/t"},{"Type":"bind","Source":"{W}","Target":"/w"},{"Type":"bind","Source":"{P}","Target":"/w/_temp"}]}}}`)
	tr := newTranslator()
	got, created := tr.Service("", []byte(body))
	if string(got) != want {
		t.Fatalf("became %s\nwant   %s", got, want)
	}
	created(201, []byte(`{"ID":"s1"}`))
	for _, c := range []struct{ shown, want string }{
		{`[{"ID":"s1","Spec":` + want + `}]`, `[{"ID":"s1","Spec":` + body + `}]`},
		{`{"ID":"t1","ServiceID":"s1","Spec":` + want[len(`{"Name":"s","TaskTemplate":`):len(want)-1] + `}`, `{"ID":"t1","ServiceID":"s1","Spec":` + body[len(`{"Name":"s","TaskTemplate":`):len(body)-1] + `}`},
	} {
		if got := rewrite.Services(tr, []byte(c.shown)); string(got) != c.want {
			t.Errorf("%s\nshown as %s\nwant     %s", c.shown, got, c.want)
		}
	}
}

// TestByName: a client may say a service's name, or a container's; the daemon shows its id.
func TestByName(t *testing.T) {
	tr := rewrite.New(ofJob(map[string]string{"/services/web": `{"ID":"s1"}`, "/containers/web/json": `{"Id":"c1"}`}))
	_, created := tr.Service("web", []byte(expand(`{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","Source":"{W}/./_temp","Target":"/t"}]}}}`)))
	created(200, []byte(`{"Warnings":null}`))
	_, created, _ = tr.ContainerStart("web", []byte(expand(`{"Binds":["{W}/.//_temp:/t"]}`)))
	created(204, nil)
	got := string(rewrite.Services(tr, []byte(expand(`{"ID":"s1","Spec":{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","Source":"{P}","Target":"/t"}]}}}}`)))) +
		string(rewrite.Containers(tr, []byte(expand(`{"Id":"c1","HostConfig":{"Binds":["{P}:/t"]}}`))))
	for _, written := range []string{`"{W}/./_temp"`, `"{W}/.//_temp:/t"`} {
		if !strings.Contains(got, expand(written)) {
			t.Errorf("shown as %s, without %s", got, expand(written))
		}
	}
}

func TestFilters(t *testing.T) {
	for _, c := range []struct{ filters, want string }{
		{`{"volume":{"{T}/a":true,"name":true},"label":{"{T}":true}}`, `{"volume":{"{P}/a":true,"name":true},"label":{"{T}":true}}`},
		{`{"volume":["{T}"]}`, `{"volume":["{P}"]}`},
		{`{"status":["running"]}`, ""},
		{`not json`, ""},
	} {
		want := expand(c.want)
		if want == "" {
			want = c.filters
		}
		if got := newTranslator().Filters([]byte(expand(c.filters))); string(got) != want {
			t.Errorf("%s became %s", c.filters, got)
		}
	}
}

// valid reports whether a body starts with a JSON value.
func valid(body []byte) bool {
	var raw json.RawMessage
	return json.NewDecoder(strings.NewReader(string(body))).Decode(&raw) == nil
}
