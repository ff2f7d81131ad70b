package rewrite_test

import (
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

// TestContainers: what a container was created with is shown again as the job wrote it.
func TestContainers(t *testing.T) {
	const (
		binds  = `["{W}:/__w","{S}:/s","{W}/x/../_temp/a:/a:ro","/tst/work//_temp/b/:/b","vol:/v"]`
		mounts = `[{"Type":"bind","Source":"{W}/./_temp/m","Target":"/m"},{"Type":"bind","Source":"/tst","Target":"/tst"}]`
		create = `{"HostConfig":{"Binds":` + binds + `,"Mounts":` + mounts + `}}`
		stored = `{"HostConfig":{"Binds":["{W}:/__w","{P}:/__w/_temp","{M}:/s","{P}/a:/a:ro","{P}/b:/b","vol:/v"],"Mounts":[{"Type":"bind","Source":"{P}/m","Target":"/m"},{"Type":"bind","Source":"/tst","Target":"/tst"},{"Type":"bind","Source":"{P}","Target":"/tst/work/_temp"},{"Type":"bind","Source":"{M}","Target":"/tst/run/docker.sock"}]}}`
	)
	tr := newTranslator()
	if tr.Changed() {
		t.Error("something is changed before anything was")
	}
	got, created, err := tr.ContainerCreate([]byte(expand(create)))
	if err != nil || string(got) != expand(stored) {
		t.Fatalf("became %s (%v)\nwant   %s", got, err, expand(stored))
	}
	created(201, []byte(`{"Id":"c1","Warnings":[]}`))
	if !tr.Changed() {
		t.Error("nothing is changed")
	}
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
	if got, want := string(rewrite.DiskUsage(tr, []byte(expand(`{"Containers":[{"Id":"c1","Mounts":[{"Source":"{P}/a","Destination":"/a"}]}],"Volumes":[{"Options":{"device":"{P}"}}]}`)))),
		expand(`{"Containers":[{"Id":"c1","Mounts":[{"Source":"{W}/_temp/a","Destination":"/a"}]}],"Volumes":[{"Options":{"device":"{T}"}}]}`); got != want {
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
