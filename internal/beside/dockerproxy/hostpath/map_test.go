package hostpath_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// world is a scratch folder with a work folder, a private _temp, and links.
type world struct {
	root string
	m    *hostpath.Map
}

func newWorld(t *testing.T) world {
	t.Helper()
	root, err := filepath.EvalSymlinks(testkit.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"work/_temp/host-only", "work/.store/1/sub", "work/repo", "run", "other"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"link":                  "work",
		"abs":                   root + "/work",
		"into":                  "work/_temp/sub",
		"loop":                  "loop",
		"work/.store/1/self":    root + "/work/_temp/sub", // absolute, within _temp
		"work/.store/1/rel":     "sub",
		"work/.store/1/up":      "..", // for the job: the work folder
		"work/.store/1/out":     root + "/other",
		"work/.store/1/loop":    "loop",
		"work/_temp/host-link":  root + "/other", // not there for the job
		"work/repo/to-temp":     "../_temp",
		"work/.store/1/sub/top": "../..",
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return world{root, hostpath.New(
		hostpath.Redirect{Job: root + "/work/_temp", Host: root + "/work/.store/1"},
		hostpath.Redirect{Job: root + "/run/docker.sock", Host: root + "/work/.store/1.sock"},
	)}
}

func TestSource(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ source, host string }{
		{"/work/_temp", "/work/.store/1"},
		{"/work/_temp/", "/work/.store/1"},
		{"/work/_temp/sub", "/work/.store/1/sub"},
		{"/work/_temp/none/such", "/work/.store/1/none/such"},
		{"/work/_temp/a:b", "/work/.store/1/a:b"},
		{"/work/_temporary", "/work/_temporary"},
		{"/work/repo", "/work/repo"},
		{"/work/repo/../_temp/sub", "/work/.store/1/sub"},
		{"//work//_temp/./sub", "/work/.store/1/sub"},
		{"/link/_temp/sub", "/work/.store/1/sub"},
		{"/abs/_temp", "/work/.store/1"},
		{"/into", "/work/.store/1/sub"},
		{"/into/deeper", "/work/.store/1/sub/deeper"},
		{"/loop/x", "/loop/x"},
		{"/work/repo/to-temp/sub", "/work/.store/1/sub"},
		{"/work/_temp/rel/x", "/work/.store/1/rel/x"},         // the link works on the host too: kept
		{"/work/_temp/self/x", "/work/.store/1/sub/x"},        // on the host it would lead to the host's _temp
		{"/work/_temp/up/repo", "/work/repo"},                 // on the host it would lead into the store
		{"/work/_temp/sub/top/repo", "/work/repo"},            // the same, two levels
		{"/work/_temp/out/x", "/work/.store/1/out/x"},         // leads out in the same way
		{"/work/_temp/loop/x", "/work/_temp/loop/x"},          // nothing anybody can find
		{"/work/_temp/host-link", "/work/.store/1/host-link"}, // the job has no such link
		{"/run/docker.sock", "/work/.store/1.sock"},
		{"/run/docker.sock.bak", "/run/docker.sock.bak"},
		{"/nowhere/at/all", "/nowhere/at/all"},
	} {
		source, want := w.root+c.source, w.root+c.host
		if c.source[:2] == "//" {
			source = "//" + source[1:]
		}
		if got := w.m.Source(source).Host; got != want {
			t.Errorf("%s: %s, want %s", c.source, got[len(w.root):], c.host)
		}
	}
	for _, same := range []string{"", ".", "named-volume", "work/_temp", "/", "/proc", "/" + "etc/../etc/./hosts"} {
		if got := w.m.Source(same).Host; got != same {
			t.Errorf("%q became %q", same, got)
		}
	}
}

func TestSourceBelow(t *testing.T) {
	w := newWorld(t)
	temp := func(rel string) hostpath.Below { return hostpath.Below{Rel: rel, Host: w.root + "/work/.store/1"} }
	sock := func(rel string) hostpath.Below { return hostpath.Below{Rel: rel, Host: w.root + "/work/.store/1.sock"} }
	for _, c := range []struct {
		source string
		want   []hostpath.Below
	}{
		{w.root + "/work", []hostpath.Below{temp("_temp")}},
		{w.root + "/link/", []hostpath.Below{temp("_temp")}},
		{w.root + "/work/_temp/up", []hostpath.Below{temp("_temp")}},
		{w.root, []hostpath.Below{temp("work/_temp"), sock("run/docker.sock")}},
		{"/", []hostpath.Below{temp(w.root[1:] + "/work/_temp"), sock(w.root[1:] + "/run/docker.sock")}},
		{w.root + "/work/_temp", nil},
		{w.root + "/work/_temp/sub", nil},
		{w.root + "/work/repo", nil},
		{w.root + "/run", []hostpath.Below{sock("docker.sock")}},
		{"named", nil},
	} {
		if got := w.m.Source(c.source).Below; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.source, got, c.want)
		}
	}
}

func TestJob(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		host, job string
		ok        bool
	}{
		{"/work/.store/1", "/work/_temp", true},
		{"/work/.store/1/a//b", "/work/_temp/a//b", true},
		{"/work/.store/1.sock", "/run/docker.sock", true},
		{"/work/.store/12", "/work/.store/12", false},
		{"/work", "/work", false},
	} {
		job, ok := w.m.Job(w.root + c.host)
		if job != w.root+c.job || ok != c.ok {
			t.Errorf("%s: %s %v, want %s %v", c.host, job, ok, c.job, c.ok)
		}
	}
}

// TestLinkedWork: the work folder's own path leads through a link, and inspect is to show it so. TestLinkedTemp: if
// _temp is a link, both of its names mean the job's own. A folder that holds its target has that mounted below, under
// the target's name.
func TestLinkedTemp(t *testing.T) {
	for _, target := range []string{"fast/tmp", "%s/fast/tmp", "other/../fast/tmp", "second"} {
		w := newWorld(t)
		if err := errors.Join(os.MkdirAll(filepath.Join(w.root, "fast/tmp"), 0o755), os.Symlink("fast/tmp", filepath.Join(w.root, "second"))); err != nil {
			t.Fatal(err)
		}
		if target[0] == '%' {
			target = w.root + target[2:]
		} else {
			target = "../" + target
		}
		if err := errors.Join(os.RemoveAll(filepath.Join(w.root, "work/_temp")), os.Symlink(target, filepath.Join(w.root, "work/_temp"))); err != nil {
			t.Fatal(err)
		}
		m := hostpath.New(hostpath.Redirect{Job: w.root + "/work/_temp", Host: w.root + "/work/.store/1"})
		for _, source := range []string{"/work/_temp/x", "/fast/tmp/x", "/link/_temp/x", "/fast/../work/_temp/x", "/fast/./tmp//x"} {
			if got, want := m.Source(w.root+source).Host, w.root+"/work/.store/1/x"; got != want {
				t.Errorf("%s, by %s: %s, want %s", target, source, got, want)
			}
		}
		want := []hostpath.Below{{Rel: "tmp", Host: w.root + "/work/.store/1"}}
		if got := m.Source(w.root + "/fast").Below; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: below /fast is %v, want %v", target, got, want)
		}
		// As without worker-wrap a container that gets the work folder finds a link there, and the runner mounts _temp.
		if got := m.Source(w.root + "/work").Below; len(got) > 0 {
			t.Errorf("%s: below /work is %v", target, got)
		}
	}
}

func TestLinkedWork(t *testing.T) {
	w := newWorld(t)
	m := hostpath.New(hostpath.Redirect{Job: w.root + "/link/_temp", Host: w.root + "/link/.store/1"})
	for _, source := range []string{"/link/_temp/x", "/work/_temp/x"} {
		if got, want := m.Source(w.root+source).Host, w.root+"/link/.store/1/x"; got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	if got, _ := m.Job(w.root + "/link/.store/1/x"); got != w.root+"/link/_temp/x" {
		t.Errorf("back: %s", got)
	}
}
