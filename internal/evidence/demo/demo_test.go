package demo_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/demo"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// run runs the demo in a folder of its own with some other shim and Worker, and checks
// that it leaves nothing there.
func run(t *testing.T, ctx context.Context, shim, program string) (string, error) {
	t.Helper()
	if err := demo.CanMount(); err != nil {
		testkit.Skip(t, "the shim needs to mount: %v", err)
	}
	dir := testkit.Dir(t)
	var out bytes.Buffer
	err := demo.Run(ctx, demo.Options{Out: &out, Program: program, Shim: shim, Dir: dir})
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("the demo left %v", left)
	}
	return out.String(), err
}

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(testkit.Dir(t), "script")
	testkit.WriteProgram(t, path, []byte("#!/bin/sh\n"+text+"\n"))
	return path
}

// TestRun: with the shim as users get it both halves go as they should.
func TestRun(t *testing.T) {
	t.Parallel()
	out, err := run(t, t.Context(), testkit.Binary(t), testkit.Binary(t))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"the plain one", "its own", "Without: Job A was cancelled (103), Job B failed (102). With: Job A was cancelled (103), Job B succeeded (100).", "Missing file at path", "10 times"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	for line := range strings.Lines(out) {
		if utf8.RuneCountInString(strings.TrimSuffix(line, "\n")) > 80 {
			t.Errorf("longer than 80 columns: %q", line)
		}
	}
}

// TestBroken: a demo in which something is not as it should be says what, and fails.
func TestBroken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		shim, program string
		says          []string
		silent        string // what is as it should be, and so not to be named
	}{
		"a shim that isolates nothing": {
			shim: `exec "$0.real" "$@"`,
			says: []string{
				"with worker-wrap Job B should exit with 100, and exited with 102",
				"with worker-wrap Job B should have found its files, and missed /",
				"with worker-wrap Job B should have set its output",
				"with worker-wrap the two Workers should have had each its own _temp",
			},
			silent: "without worker-wrap",
		},
		"a shim that fails": {
			shim: `echo "worker-wrap: cannot mount" >&2; exit 125`,
			says: []string{
				"with worker-wrap Job A should exit with 103, and exited with 125, saying: worker-wrap: cannot mount",
				"with worker-wrap Job B should exit with 100, and exited with 125",
				"with worker-wrap the two Workers should have been alive at once",
			},
			silent: "without worker-wrap",
		},
		"a shim that keeps the pipes": {
			shim: `sleep 300 >/dev/null 2>&1 & echo $! >>"$(dirname "$(readlink -f "$0")")/pids"
				exec unshare -m --propagation private sh -c 'd=$(dirname "$0")/../mine.$$ && mkdir "$d" && mount --bind "$d" "$(dirname "$0")/../_work/_temp" && exec "$0.real" "$@"' "$0" "$@"`,
			says: []string{
				"with worker-wrap somebody held the pipe of Job A after its end",
				"with worker-wrap somebody held the pipe of Job B after its end",
			},
			silent: "without worker-wrap",
		},
		"a Worker that does nothing": {
			program: "exit 100",
			says: []string{
				"without worker-wrap Job A should exit with 103, and exited with 100",
				"without worker-wrap Job B should exit with 102, and exited with 100",
				"without worker-wrap Job B should have failed with",
				"without worker-wrap Job A should have emptied _temp while Job B's step ran, and did not",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shim, program := testkit.Binary(t), testkit.Binary(t)
			if c.shim != "" {
				shim = script(t, c.shim)
				t.Cleanup(func() { killListed(filepath.Join(filepath.Dir(shim), "pids")) })
			}
			if c.program != "" {
				program = script(t, c.program)
			}
			out, err := run(t, t.Context(), shim, program)
			var unmet *demo.Unmet
			if !errors.As(err, &unmet) {
				t.Fatalf("error %v\n%s", err, out)
			}
			for _, want := range c.says {
				if !slices.ContainsFunc(unmet.Failures, func(f string) bool { return strings.HasPrefix(f, want) }) {
					t.Errorf("%q is not said by\n%s", want, strings.Join(unmet.Failures, "\n"))
				}
			}
			for _, f := range unmet.Failures {
				if c.silent != "" && strings.HasPrefix(f, c.silent) {
					t.Errorf("%q is said", f)
				}
			}
		})
	}
}

// killListed ends the processes whose PIDs are in a file, if there is one.
func killListed(path string) {
	data, _ := os.ReadFile(path)
	for _, f := range strings.Fields(string(data)) {
		if pid, err := strconv.Atoi(f); err == nil {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// TestInterrupted: whenever the demo is stopped it ends its processes and removes its files.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{50 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			program := filepath.Join(testkit.Dir(t), "worker") // tells this test's processes from others
			if err := os.Symlink(testkit.Binary(t), program); err != nil {
				t.Fatal(err)
			}
			if _, err := run(t, ctx, testkit.Binary(t), program); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("error %v", err)
			}
			cmdlines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, path := range cmdlines {
				if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(program)) {
					t.Errorf("%s is still there: %q", path, text)
				}
			}
		})
	}
}

// TestNoexec: a folder in which nothing can run is named.
func TestNoexec(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "noexec", "demo-test", dir).CombinedOutput(); err != nil {
		testkit.Skip(t, "mount: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	}()
	err := demo.Run(t.Context(), demo.Options{Out: &bytes.Buffer{}, Program: testkit.Binary(t), Dir: dir})
	if err == nil || !strings.Contains(err.Error(), dir+", which is mounted noexec: set TMPDIR") {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("the demo left %v", left)
	}
}
