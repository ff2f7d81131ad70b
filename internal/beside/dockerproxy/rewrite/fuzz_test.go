package rewrite_test

import (
	"bytes"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

var seeds = []string{
	`{"HostConfig":{"Binds":["{W}:/__w","{T}:/__w/_temp","{S}:/s"],"Mounts":[{"Type":"bind","Source":"{W}","Target":"/w"}],"Tmpfs":{"/t":""}},"Volumes":{"/v":{}}}`,
	`{"Name":"v","DriverOpts":{"type":"none","o":"bind","device":"{T}"}}`,
	`{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"volume","VolumeOptions":{"DriverConfig":{"Options":{"o":"bind","device":"{W}"}}}}]}}}`,
	`{"hostConfig":{"binds":["{T}/\ud800\u0000:/a:ro,z"],"binds":null}} trailing`,
	"\xff{\"HostConfig\":\"\xfe\"}",
	` [ { "HostConfig" : { "Binds" : [ "/:/h" , "/:/h/tst" ] } } ] `,
}

// FuzzRewrite: whatever a client sends, the outcome is JSON exactly if the body was; what needs no
// change is not touched; a body in which nothing means a place that differs is not touched either; and
// a changed body, created anew, is not changed again but for mounts below a parent.
func FuzzRewrite(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(expand(s)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		given := bytes.Clone(body)
		tr := newTranslator()
		container, created, err := tr.ContainerCreate(body)
		if err != nil {
			t.Fatalf("%v, though no place has a colon", err)
		}
		service, _ := tr.Service("", body)
		volume, _ := tr.VolumeCreate(body)
		for _, out := range [][]byte{container, volume, service, tr.Filters(body)} {
			if valid(out) != valid(body) {
				t.Fatalf("%q became %q", body, out)
			}
			if !bytes.Contains(body, []byte(`\`)) && !bytes.Contains(body, []byte("/")) && !bytes.Equal(out, body) {
				t.Fatalf("%q has no path and became %q", body, out)
			}
		}
		if again, _, err := newTranslator().ContainerCreate(container); err != nil || !bytes.Equal(again, container) {
			t.Fatalf("%q became %q, and that %q (%v)", body, container, again, err)
		}
		if created != nil {
			created(201, []byte(`{"Id":""}`))
		}
		for _, show := range []rewrite.Show{rewrite.Containers, rewrite.Volumes, rewrite.Services, rewrite.DiskUsage, rewrite.Errors} {
			if out := show(tr, body); valid(out) != valid(body) {
				t.Fatalf("%q is shown as %q", body, out)
			}
		}
		if !bytes.Equal(body, given) {
			t.Fatalf("the body itself was changed from %q to %q", given, body)
		}
	})
}
