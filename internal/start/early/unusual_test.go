package early_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestUnusual: if anything is not as it mostly is the start goes the longer way, and has changed nothing before: it
// notes no owner. What it does there is the subject of other tests.
func TestUnusual(t *testing.T) {
	testkit.RequireRoot(t)
	for _, test := range []struct {
		name    string
		alone   bool
		env     []string
		prepare func(root string) error
	}{
		{"nothing", true, []string{alone}, func(string) error { return nil }},
		{"no setting", false, nil, func(string) error { return nil }},
		{"the runner's file", true, nil, func(root string) error {
			return os.WriteFile(root+"/.worker-wrap.env", []byte("# as install has it\n\nWORKER_WRAP_ISOLATE=alone\n"), 0o644)
		}},
		{"another setting", false, []string{alone, "WORKER_WRAP_DOCKER=off"}, func(string) error { return nil }},
		{"another value", false, []string{"WORKER_WRAP_ISOLATE=always"}, func(string) error { return nil }},
		{"a longer value", false, []string{"WORKER_WRAP_ISOLATE=alone "}, func(string) error { return nil }},
		{"another setting in the file", false, []string{alone}, func(root string) error {
			return os.WriteFile(root+"/.worker-wrap.env", []byte("WORKER_WRAP_WAIT=5s"), 0o644)
		}},
		{"the file is a folder", false, []string{alone}, func(root string) error { return os.Mkdir(root+"/.worker-wrap.env", 0o755) }},
		{"no .runner", false, []string{alone}, func(root string) error { return os.Remove(root + "/.runner") }},
		{"a .runner to think about", false, []string{alone}, func(root string) error {
			return os.WriteFile(root+"/.runner", []byte(`{"workFolder":"\u005fwork"}`), 0o644)
		}},
		{"a path to think about", false, []string{alone}, func(root string) error {
			return os.WriteFile(root+"/.runner", []byte(`{"workFolder":"bin/../_work"}`), 0o644)
		}},
		{"an absolute path", true, []string{alone}, func(root string) error {
			return os.WriteFile(root+"/.runner", []byte(`{"workFolder":`+strconv.Quote(root+"/_work")+`}`), 0o644)
		}},
		{"a long .runner", false, []string{alone}, func(root string) error {
			return os.WriteFile(root+"/.runner", []byte(`{"workFolder":"_work"}`+strings.Repeat(" ", 5000)), 0o644)
		}},
		{"the work folder is the root", false, []string{alone}, func(root string) error {
			return firstOf(os.RemoveAll(root+"/_work"), os.Symlink(".", root+"/_work"), os.Mkdir(root+"/_temp", 0o755))
		}},
		{"no work folder", false, []string{alone}, func(root string) error { return os.RemoveAll(root + "/_work") }},
		{"no _temp", true, []string{alone}, func(root string) error { return os.RemoveAll(root + "/_work/_temp") }},
		{"_temp is a link", false, []string{alone}, func(root string) error {
			return firstOf(os.Remove(root+"/_work/_temp"), os.Mkdir(root+"/fast", 0o755), os.Symlink("../fast", root+"/_work/_temp"))
		}},
		{"_temp is a mount", false, []string{alone}, func(root string) error {
			return unix.Mount("tmpfs", root+"/_work/_temp", "tmpfs", 0, "")
		}},
		{"no real Worker", false, []string{alone}, func(root string) error { return os.Remove(root + "/bin/Runner.Worker.real") }},
		{"a Worker that cannot run", false, []string{alone}, func(root string) error { return os.Chmod(root+"/bin/Runner.Worker.real", 0o644) }},
		{"the shim as the Worker", false, []string{alone}, func(root string) error {
			return firstOf(os.Remove(root+"/bin/Runner.Worker.real"), os.Symlink("Runner.Worker", root+"/bin/Runner.Worker.real"))
		}},
		{"an entry as the Worker", false, []string{alone}, func(root string) error {
			text, _ := runner.Entry(testkit.Binary(t))
			return os.WriteFile(root+"/bin/Runner.Worker.real", []byte(text), 0o755)
		}},
		{"a claim of one that lives", false, []string{alone}, func(root string) error {
			o, err := perpid.Self() // the test is another process
			return firstOf(err, os.Mkdir(root+"/_work/.worker-wrap", 0o711), os.WriteFile(root+"/_work/.worker-wrap/real", []byte(o.String()), 0o644))
		}},
		{"a claim of one that is dead", true, []string{alone}, func(root string) error {
			o, err := perpid.Self()
			o.Start++
			return firstOf(err, os.Mkdir(root+"/_work/.worker-wrap", 0o711), os.WriteFile(root+"/_work/.worker-wrap/real", []byte(o.String()+"\n"), 0o644))
		}},
		{"no _diag", true, []string{alone}, func(root string) error { return os.Remove(root + "/_diag") }},
		{"a record of one that lives", false, []string{alone}, func(root string) error {
			o, err := perpid.Self()
			return firstOf(err, unix.Setxattr(root+"/_work", "user.worker-wrap.alone", fmt.Appendf(nil, "%d %d %d 0 0 0", o.PID, o.Start, o.PIDNS), 0))
		}},
		{"a record that is nothing", true, []string{alone}, func(root string) error {
			return unix.Setxattr(root+"/_work", "user.worker-wrap.alone", []byte("12 of them"), 0)
		}},
		{"a long record", true, []string{alone}, func(root string) error {
			return unix.Setxattr(root+"/_work", "user.worker-wrap.alone", make([]byte, 1000), 0)
		}},
		{"without attributes", true, []string{alone}, withoutAttributes},
		{"without attributes, a record that is a link", false, []string{alone}, func(root string) error {
			return firstOf(withoutAttributes(root), os.Symlink("/dev/null", root+"/_diag/worker-wrap.alone"))
		}},
		{"without attributes, a record that is nothing", true, []string{alone}, func(root string) error {
			return firstOf(withoutAttributes(root), os.WriteFile(root+"/_diag/worker-wrap.alone", []byte("12 of them"), 0o644))
		}},
		{"without attributes, no _diag", false, []string{alone}, func(root string) error {
			return firstOf(withoutAttributes(root), os.Remove(root+"/_diag"))
		}},
		{"a root of another's", false, []string{alone}, func(root string) error { return os.Chown(root, 65534, 65534) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := root(t)
			if err := test.prepare(root); err == unix.EOPNOTSUPP {
				return // no extended attributes here, as on a tmpfs before Linux 6.6
			} else if err != nil {
				t.Fatal(err)
			}
			defer func() {
				_, _ = unix.Unmount(root+"/_work/_temp", unix.MNT_DETACH), unix.Unmount(root+"/_work", unix.MNT_DETACH)
			}()
			if got := early(t, root, test.env...); got != test.alone {
				t.Errorf("started before Go's runtime: %v, want %v", got, test.alone)
			}
		})
	}
}

// withoutAttributes puts the work folder of a runner on a file system that has no extended attributes.
func withoutAttributes(root string) error {
	return firstOf(unix.Mount("ramfs", root+"/_work", "ramfs", 0, ""), os.Mkdir(root+"/_work/_temp", 0o755))
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// early starts the runner's Worker, which ends at once, and reports whether Go's runtime was not woken: it makes
// threads, and no other part of a start does.
func early(t *testing.T, root string, env ...string) bool {
	t.Helper()
	calls := trace(t, root, env...)
	return !strings.Contains(calls, "CLONE_THREAD") && !strings.Contains(calls, "futex(")
}

// trace returns the system calls of a start until it becomes the Worker or ends.
func trace(t *testing.T, root string, env ...string) string {
	t.Helper()
	out := root + ".trace"
	defer os.Remove(out)
	cmd := exec.Command(testkit.RequireTool(t, "strace", "strace"), "-o", out, root+"/bin/Runner.Worker")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	if said, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() < 125 {
		t.Fatalf("%v: %s", err, said)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	if !strings.HasPrefix(first, "execve(") {
		t.Fatalf("the trace begins with %s", first)
	}
	start, _, _ := strings.Cut(rest, "\nexecve(")
	return start
}

// TestFewCalls: a lone start makes a handful of system calls, none of them Go's runtime's. Only the first one after an
// install looks for Workers that nothing is known of.
func TestFewCalls(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	if first := trace(t, root, alone); !strings.Contains(first, "getdents64(") {
		t.Errorf("the first start looks for nobody: %s", first)
	}
	unlocked(t, root)
	calls := trace(t, root, alone)
	lines := strings.Split(calls, "\n")
	if len(lines) > 45 {
		t.Errorf("%d system calls", len(lines))
	}
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "(")
		switch name {
		case "mmap", "futex", "sigaltstack", "rt_sigaction", "rt_sigprocmask", "madvise", "sched_getaffinity", "gettid", "unshare", "mount":
			t.Errorf("%s is no call of a lone start", line)
		}
	}
}

// TestNotAloneBesideUnwrapped: a Worker from before an install has no lock, and is in the plain _temp all the same; so it
// is after a later one, however many lone starts there were before.
func TestNotAloneBesideUnwrapped(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	entry := root + "/bin/Runner.Worker"
	cat, err := os.ReadFile(testkit.RequireTool(t, "cat", "coreutils")) // as the runner's own it is no script
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := firstOf(os.Rename(entry, root+"/entry"), os.WriteFile(entry, cat, 0o755)); err != nil {
			t.Fatal(err)
		}
		unwrapped := exec.Command(entry)
		in, err := unwrapped.StdinPipe()
		if err := firstOf(err, unwrapped.Start()); err != nil {
			t.Fatal(err)
		}
		testkit.Becomes(t, unwrapped.Process.Pid, entry)
		if err := os.Rename(root+"/entry", entry); err != nil {
			t.Fatal(err)
		}
		s := start(t, root, alone)
		if s.isAlone(t) {
			t.Errorf("it is alone beside process %d, in the _temp of that", unwrapped.Process.Pid)
		}
		s.end()
		in.Close()
		_ = unwrapped.Wait()
		for range 2 {
			unlocked(t, root)
			if !early(t, root, alone) {
				t.Error("a Worker is not alone after the end of that")
			}
		}
	}
}

// TestNotAloneBesideAnother: while one is alone the next goes the longer way; even if the first one's keeper was
// killed, and its locks are gone.
func TestNotAloneBesideAnother(t *testing.T) {
	testkit.RequireRoot(t)
	for name, prepare := range map[string]func(root string) error{
		"recorded by an attribute": func(string) error { return nil },
		"recorded in a file":       withoutAttributes,
	} {
		t.Run(name, func(t *testing.T) {
			root := root(t)
			if err := prepare(root); err != nil {
				t.Fatal(err)
			}
			notAloneBesideAnother(t, root)
			_ = unix.Unmount(root+"/_work", unix.MNT_DETACH)
		})
	}
}

func notAloneBesideAnother(t *testing.T, root string) {
	first := start(t, root, alone)
	if early(t, root, alone) {
		t.Error("a second Worker is alone too")
	}
	keeper := keeperOf(t, first.cmd.Process.Pid)
	if err := unix.Kill(keeper, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !lock(t, root+"/_work", true) {
		t.Fatal("the work folder stays locked without a keeper")
	}
	if early(t, root, alone) {
		t.Error("a second Worker is alone too, as the first one's keeper was killed")
	}
	first.end()
	if !early(t, root, alone) {
		t.Error("the next Worker is not alone after the first one's end")
	}
}
