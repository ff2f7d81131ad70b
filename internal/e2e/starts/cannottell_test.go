package starts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// compile builds one of the C programs in testdata. C, because a Go program cannot see or set these things
// without its runtime being in between.
func compile(t *testing.T, name, to string) string {
	t.Helper()
	path := filepath.Join(to, name)
	testkit.WriteProgram(t, path, testkit.Compile(t, filepath.Join("testdata", name+".c"), "-static", "-O1"))
	return path
}

// awkward are the states that a process may be started in.
var awkward = map[string][]string{
	"plain":            nil,
	"pipes":            {"fd=3:160", "fd=4:164"},
	"ignored":          {"ign=1", "ign=13", "ign=17", "ign=2", "ign=3", "ign=10", "ign=34", "ign=64"},
	"sigpipe-ignored":  {"ign=13"},
	"blocked":          {"block=15", "block=17", "block=27", "block=64", "block=11", "block=23"},
	"pending":          {"block=10", "pend=10", "block=15", "pend=15"},
	"few-files":        {"fd=3:160", "fd=4:164", "nofile=20"},
	"umask":            {"umask=077"},
	"no-stdin":         {"close=0"},
	"no-standard":      {"close=0", "close=1", "close=2", "fd=3:160", "fd=4:164"},
	"only-stdin":       {"close=1", "close=2"},
	"environment":      {"env=DUP=1", "env=NOEQUALS", "env=DUP=2", "env==C:=odd", "env=GODEBUG=inittrace=1", "env=GOTRACEBACK=crash", "env=GOMAXPROCS=3", "env=EMPTY="},
	"no-new-privs":     {"nnp"},
	"everything":       {"fd=3:160", "fd=4:164", "ign=13", "ign=1", "block=15", "block=17", "pend=15", "umask=077", "nofile=24", "close=0", "env=GODEBUG=gctrace=1"},
	"other-folder":     {"cwd=/"},
	"odd-runtime-vars": {"env=GOGC=1", "env=GOMEMLIMIT=1", "env=GODEBUG=schedtrace=1"},
}

// TestAJobCannotTell compares everything that a process can see of itself with and without the shim.
func TestAJobCannotTell(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	launch, probe := compile(t, "launch", dir), compile(t, "probe", dir)
	for _, who := range []struct {
		name   string
		uid    uint32
		binary string
	}{
		{"root", 0, testkit.Binary(t)},
		{"ordinary user", user, capable(t)},
	} {
		home := filepath.Join(dir, fmt.Sprint(who.uid))
		root, worker := testkit.Runner(t, home, who.binary, probe)
		temp := filepath.Join(root, "_work", "_temp")
		if err := os.MkdirAll(temp, 0o755); err != nil {
			t.Fatal(err)
		}
		testkit.Give(t, home, int(who.uid))
		for name, options := range awkward {
			t.Run(who.name+"/"+name, func(t *testing.T) {
				if name == "no-new-privs" && who.uid != 0 {
					return // the file capability counts for nothing then; TestRefusals has it
				}
				out := filepath.Join(home, "seen")
				start := func(argv ...string) string {
					return observe(t, launch, who.uid, options, out, filepath.Dir(worker), argv...)
				}
				// The control has the probe itself where the shim is otherwise.
				swap(t, worker, worker+".shim", worker+".real", worker)
				direct := start(worker, worker, "spawnclient", "160", "164")
				swap(t, worker, worker+".real", worker+".shim", worker)
				compare(t, "as Worker", direct, start(worker, worker, "spawnclient", "160", "164"))

				direct = start(probe, probe, "argument")
				compare(t, "as command", direct, start(who.binary, "worker-wrap", "--temp", temp, "--", probe, "argument"))
			})
		}
	}
}

// swap renames a to b, and then c to d.
func swap(t *testing.T, a, b, c, d string) {
	t.Helper()
	for _, r := range [][2]string{{a, b}, {c, d}} {
		if err := os.Rename(r[0], r[1]); err != nil {
			t.Fatal(err)
		}
	}
}

// pipes stay the same for all observations, so that what descriptors lead to can be compared.
var pipes [2]*os.File

// observe starts a program through launch and returns what the probe, which it must become, saw.
func observe(t *testing.T, launch string, uid uint32, options []string, out, cwd string, argv ...string) string {
	t.Helper()
	if pipes[0] == nil {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		pipes = [2]*os.File{r, w}
		t.Cleanup(func() { r.Close(); w.Close(); pipes = [2]*os.File{} })
	}
	_ = os.Remove(out)
	args := append([]string{"cwd=" + cwd, "env=PATH=/usr/bin:/bin", "env=HOME=/"}, options...)
	args = append(args, "pid", "--")
	args = append(args, argv...)
	args = append(args, out, "PID")
	cmd := exec.Command(launch, args...)
	cmd.Env = []string{}
	cmd.ExtraFiles = pipes[:]
	// Files, not pipes of os/exec: they lead to the same place each time, and show what the shim prints.
	printed, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	if err := os.Rename(printed.Name(), filepath.Join(filepath.Dir(launch), "printed")); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = printed, printed
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{7, group}}}
	err = cmd.Run()
	text, _ := os.ReadFile(filepath.Join(filepath.Dir(launch), "printed"))
	if err != nil || len(text) > 0 {
		t.Fatalf("%v: %v, printed %q", args, err, text)
	}
	seen, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 2000 || !strings.Contains(string(seen), "pid as before: 1\n") {
		t.Fatalf("%v: the probe saw too little, or has another PID:\n%s", args, seen)
	}
	return string(seen)
}

// compare reports each line that one process saw and the other did not.
func compare(t *testing.T, what, without, with string) {
	t.Helper()
	a, b := strings.Split(without, "\n"), strings.Split(with, "\n")
	for i := range max(len(a), len(b)) {
		x, y := "", ""
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			t.Errorf("%s: without the shim %q, with it %q", what, x, y)
		}
	}
}
