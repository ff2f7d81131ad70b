package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const nobody = 65534

// capable returns an installed worker-wrap: root's, with its capability.
func capable(t *testing.T) string {
	t.Helper()
	path := filepath.Join(testkit.Dir(t), "worker-wrap")
	data, err := os.ReadFile(testkit.Binary(t))
	if err == nil {
		err = os.WriteFile(path, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), "cap_sys_admin+ep", path).CombinedOutput(); err != nil {
		t.Fatalf("setcap: %v: %s", err, out)
	}
	return path
}

// aRunner is one of nobody's, in which a job runs: it has a file in _temp.
func aRunner(t *testing.T, config string, folders ...string) runner.Layout {
	t.Helper()
	root := testkit.Dir(t)
	err := os.WriteFile(filepath.Join(root, runner.ConfigName), []byte(config), 0o644)
	for _, dir := range folders {
		dir = filepath.Join(root, dir)
		err = errors.Join(err, os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "a job's"), []byte("x"), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, root, nobody)
	l, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// listing is every path below root, with what an inode tells of it but its times.
func listing(t *testing.T, root string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &st)
		}
		size := st.Size
		if st.Mode&unix.S_IFMT == unix.S_IFDIR {
			size = 0
		}
		out = append(out, fmt.Sprint(path, st.Ino, st.Mode, st.Uid, st.Gid, size))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPlacesLeavesNothing: whatever of its work folder a runner has, a start is tried there. Afterwards all is as it
// was, whether it was isolated or refused.
func TestPlacesLeavesNothing(t *testing.T) {
	testkit.RequireRoot(t)
	capable, powerless := capable(t), testkit.Binary(t)
	elsewhere := testkit.Dir(t)
	living, err := perpid.Self() // what dead ones left, a start sweeps
	if err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]runner.Layout{
		"a job":                    aRunner(t, `{"workFolder": "_work"}`, "_work/_temp"),
		"no _temp":                 aRunner(t, `{"workFolder": "_work"}`, "_work"),
		"no work folder":           aRunner(t, `{"workFolder": "_work"}`),
		"folders above it missing": aRunner(t, `{"workFolder": "some/where/deep"}`),
		"a store":                  aRunner(t, `{"workFolder": "_work"}`, "_work/_temp", "_work/.worker-wrap", "_work/.worker-wrap/"+living.String()),
		"an empty store":           aRunner(t, `{"workFolder": "_work"}`, "_work/_temp", "_work/.worker-wrap"),
		"a store in the root":      aRunner(t, `{"workFolder": "_work"}`, "_work/_temp", ".worker-wrap", ".worker-wrap/"+living.String()),
		"missing, elsewhere":       aRunner(t, `{"workFolder": "`+elsewhere+`/w"}`),
		"no configuration":         runner.Unconfigured(aRunner(t, `{"workFolder": "_work"}`).Root),
	} {
		for _, env := range [][]string{nil, {"WORKER_WRAP_ISOLATE=overlap", "WORKER_WRAP_FALLBACK=run", "WORKER_WRAP_WAIT=30s"}, {"WORKER_WRAP_BACKING=tmpfs"}, {"WORKER_WRAP_USERNS=1"}} {
			t.Run(fmt.Sprint(name, env), func(t *testing.T) {
				before := append(listing(t, l.Root), listing(t, elsewhere)...)
				for _, binary := range []string{capable, powerless} {
					got := Places{Layout: l, Binary: binary, UID: nobody, Env: env}.Try()
					if isolates := binary == capable || slices.Contains(env, "WORKER_WRAP_USERNS=1"); isolates != (got.Refused == nil) || got.Left != nil || got.Said != "" {
						t.Errorf("%s: %+v", binary, got)
					}
				}
				if after := append(listing(t, l.Root), listing(t, elsewhere)...); !slices.Equal(before, after) {
					t.Errorf("left behind\n%s\nwas\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
				}
			})
		}
	}
}

// TestPlacesRefuses: what would stop each start of this runner's is told.
func TestPlacesRefuses(t *testing.T) {
	testkit.RequireRoot(t)
	capable := capable(t)
	l := aRunner(t, `{"workFolder": "_work"}`, "_work/_temp")
	others := aRunner(t, `{"workFolder": "_work"}`, "_work/_temp")
	if err := os.Chown(others.Temp, 61234, 61234); err != nil {
		t.Fatal(err)
	}
	full := aRunner(t, `{"workFolder": "_work"}`, "_work/_temp")
	if err := unix.Mount("full", full.Work, "tmpfs", 0, "size=4k,mode=777"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(full.Work, unix.MNT_DETACH) })
	err := errors.Join(os.Mkdir(full.Temp, 0o755), os.Chown(full.Temp, nobody, nobody), os.WriteFile(filepath.Join(full.Work, "x"), make([]byte, 4096), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[string]Places{
		"can write no file in " + full.Work + "/.worker-wrap: no space": {Layout: full, Binary: capable, UID: nobody},
		"the runner's settings: WORKER_WRAP_LOG=\"1\": ":                {Layout: l, Binary: capable, UID: nobody, Env: []string{"WORKER_WRAP_LOG=1"}},
		"belongs to uid 61234 and you are uid 65534":                    {Layout: others, Binary: capable, UID: nobody},
		"belongs to uid 65534 and you are uid 61234":                    {Layout: l, Binary: capable, UID: 61234},
		"/nonexistent: no such file":                                    {Layout: l, Binary: "/nonexistent", UID: nobody},
	} {
		got := p.Try()
		if got.Refused == nil || !strings.Contains(got.Refused.Error(), want) || strings.Contains(got.Refused.Error(), "\n") || got.Left != nil {
			t.Errorf("%+v, want %q", got, want)
		}
	}
}

// TestRootStartsNothingOfOthers: root starts no program that others could change, as nobody and not as root either.
func TestRootStartsNothingOfOthers(t *testing.T) {
	testkit.RequireRoot(t)
	mark := filepath.Join(testkit.Dir(t), "mark")
	theirs := filepath.Join(testkit.Dir(t), "worker-wrap")
	if err := os.Chmod(filepath.Dir(mark), 0o777); err != nil { // as whoever it is started
		t.Fatal(err)
	}
	if err := os.WriteFile(theirs, []byte("#!/bin/sh\nid -u >"+mark+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := aRunner(t, `{"workFolder": "_work"}`, "_work/_temp")
	for what, change := range map[string]func() error{
		"owner": func() error { return os.Chown(theirs, nobody, nobody) },
		"mode":  func() error { return errors.Join(os.Chown(theirs, 0, 0), os.Chmod(theirs, 0o775)) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		for _, uid := range []int{0, nobody} {
			got := Places{Layout: l, Binary: theirs, UID: uid}.Try()
			if got.Refused == nil || !strings.Contains(got.Refused.Error(), "can be changed by others than root") {
				t.Errorf("%s, uid %d: %+v", what, uid, got)
			}
			if as, err := os.ReadFile(mark); err == nil {
				t.Fatalf("%s, uid %d: it was started as uid %s", what, uid, as)
			}
		}
	}
}

// TestEnvironment: of a .env a trial takes what a start looks at, and nothing by which a program could be led.
func TestEnvironment(t *testing.T) {
	got := Places{Env: []string{"LD_PRELOAD=/x.so", "PATH=/x", "HOME=/x", "DOCKER_HOST=unix:///d", "DOCKER_HOSTS=x", "DOCKER_CONTEXT=c", "DOCKER_CONFIG=/y", "XDG_RUNTIME_DIR=/r", "WORKER_WRAP_USERNS=1", "WORKER_WRAP_FALLBACK=run", "GODEBUG=x"}}.environment()
	want := []string{"WORKER_WRAP_FALLBACK=none", "WORKER_WRAP_ISOLATE=always", "XDG_STATE_HOME=/dev/null", "DOCKER_HOST=unix:///d", "DOCKER_CONTEXT=c", "DOCKER_CONFIG=/y", "XDG_RUNTIME_DIR=/r", "WORKER_WRAP_USERNS=1"}
	if got[1] != "HOME=/x" || !slices.Equal(got[2:], want) {
		t.Errorf("%q", got)
	}
}
