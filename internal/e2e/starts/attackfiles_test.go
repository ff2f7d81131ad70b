package starts_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAttackByClosedOutput: if standard descriptors are closed, a start's words land in no file that it opens instead:
// neither a failure's line nor what LOG=debug shows at each step.
func TestAttackByClosedOutput(t *testing.T) {
	prlimit := testkit.RequireTool(t, "prlimit", "util-linux")
	a := aim(t, capable(t), "attacksignals")
	a.linger = "0"
	real := a.worker + ".real"
	out := filepath.Join(a.cwd, "out")
	states := []struct {
		what, settings string
		code           int
		spoil, undo    func() error
	}{
		{"starts", "ISOLATE=always", 0, nil, nil},
		{"is alone", "ISOLATE=overlap", 0, nil, nil},
		{"_temp is root's", "ISOLATE=always", 125, func() error { return os.Chown(a.scratch.temp, 0, 0) }, func() error { return os.Chown(a.scratch.temp, user, user) }},
		{"_temp is root's, and it runs", "FALLBACK=run", 0, func() error { return os.Chown(a.scratch.temp, 0, 0) }, func() error { return os.Chown(a.scratch.temp, user, user) }},
		{"no Worker", "ISOLATE=overlap", 127, func() error { return os.Rename(real, real+".aside") }, func() error { return os.Rename(real+".aside", real) }},
		{"a folder as the Worker", "ISOLATE=overlap", 126, func() error { do(t, os.Rename(real, real+".aside")); return os.Mkdir(real, 0o755) }, func() error { do(t, os.Remove(real)); return os.Rename(real+".aside", real) }},
	}
	for _, state := range states {
		if state.spoil != nil {
			do(t, state.spoil())
		}
		for closed := range 8 {
			var redirect string
			for fd := range 3 {
				if closed&(1<<fd) != 0 {
					redirect += fmt.Sprintf(" %d>&-", fd)
				}
			}
			for _, files := range []string{"1024", "1"} { // too few to open all that closed descriptors need
				args := append([]string{"-c", `exec "$@"` + redirect, "sh", prlimit, "--nofile=" + files + ":", a.worker}, a.innocent(out)...)
				c := command([]string{"LOG=debug", "DOCKER=off", state.settings}, "/bin/sh", args...)
				code := c.end(t)
				what := fmt.Sprintf("%s, without%s, %s files: exit code %d", state.what, redirect, files, code)
				if files == "1024" && code != state.code {
					t.Errorf("%s, want %d, %q", what, state.code, &c.err)
				}
				if c.out.String() != "" || closed&4 != 0 && c.err.String() != "" {
					t.Errorf("%s: %q, %q", what, &c.out, &c.err)
				}
				if path := said(t, a.root, a.cwd); path != "" {
					t.Errorf("%s: its words are in %s", what, path)
				}
				if code == 0 {
					report, err := os.ReadFile(out)
					do(t, err, os.Remove(out))
					for fd := range 3 {
						if is := strings.Contains(string(report), fmt.Sprintf("\nfd %d ", fd)); is != (closed&(1<<fd) == 0) {
							t.Errorf("%s: descriptor %d is open: %v", what, fd, is)
						}
					}
				}
			}
		}
		if state.undo != nil {
			do(t, state.undo())
		}
	}
	if len(a.log(t, events.Start)) == 0 { // reads all of it, and fails if there is anything else in it
		t.Error("the event log has no start")
	}
}

// said finds a file that has a message of worker-wrap's.
func said(t *testing.T, dirs ...string) (found string) {
	t.Helper()
	for _, dir := range dirs {
		do(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return nil // swept meanwhile
			}
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte("worker-wrap: ")) {
				found = path
			}
			return nil
		}))
	}
	return found
}

// TestAttackByTightLimits: whatever limit is at nothing or next to nothing, the start is refused in one line, or is an
// innocent program's. Else it ends as that program does without worker-wrap.
func TestAttackByTightLimits(t *testing.T) {
	prlimit := testkit.RequireTool(t, "prlimit", "util-linux")
	a := aim(t, capable(t), "attacksignals")
	a.linger = "0"
	before := hostMounts(t)
	end := func(limit, program string) (code int, by syscall.Signal, out, err string) {
		c := command([]string{"DOCKER=off"}, prlimit, append([]string{limit, program}, a.innocent("-")...)...)
		c.Dir = a.cwd
		code = c.end(t)
		if status := c.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
			by = status.Signal()
		}
		return code, by, c.out.String(), c.err.String()
	}
	ran, refused, died := 0, 0, 0
	for _, name := range []string{
		"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack",
	} {
		for _, value := range []int{0, 1, 4096, 200_000, 9_000_000} {
			if name == "nice" && value > 40 || name == "rtprio" && value > 99 {
				continue
			}
			limit := fmt.Sprintf("--%s=%d:%d", name, value, value)
			code, by, out, err := end(limit, a.worker)
			switch {
			case code == 0 && out != "":
				a.plain(t, limit, out)
				ran++
			case code >= 125 && code <= 127 && out == "" && strings.HasPrefix(err, "worker-wrap: "):
				oneLine(t, err)
				refused++
			default:
				died++
				if name == "cpu" && (by == unix.SIGKILL || by == unix.SIGXCPU) {
					continue // at the next tick of the clock, if it lives that long
				}
				bareCode, bareBy, _, _ := end(limit, a.worker+".real")
				_ = os.Remove(filepath.Join(a.scratch.temp, "mark"))
				if code != bareCode || by != bareBy {
					t.Errorf("%s: exit code %d, %v, without worker-wrap %d, %v: %q, %q", limit, code, by, bareCode, bareBy, out, err)
				}
			}
		}
	}
	a.untouched(t, before)
	t.Logf("%d became the Worker, %d were refused, %d died as it would", ran, refused, died)
	if ran == 0 || refused == 0 {
		t.Error("too little happened to show anything")
	}
}
