package message

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLastTake: if Go's runtime ends a Worker's start, the message is taken before anything is said.
func TestLastTake(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-ldflags", "-E github.com/worker-wrap/worker-wrap/nsenter/origin.entry", "-o", path, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	for _, c := range []struct {
		how   string
		name  string // and what comes before the Worker's arguments
		code  int
		lines int
		left  int
	}{
		{"", "/r/bin/Runner.Worker", 125, 1, 0},
		{"HOW=traced", "/r/bin/Runner.Worker", 2, 0, 0},
		{"HOW=left", "/r/bin/Runner.Worker", 125, 1, 0}, // to a child, which ends with it
		{"", "/r/bin/Runner.Worker.real", 125, 1, 0},
		{"", "/usr/lib/worker-wrap/worker-wrap __worker /r/bin/Runner.Worker", 125, 1, 0},
		{"HOW=traced", "/usr/lib/worker-wrap/worker-wrap __worker /r/bin/Runner.Worker", 2, 0, 0},
		{"", "/usr/lib/worker-wrap/worker-wrap __worker /r/bin/Runner.Worker.real", 125, 1, 0},
		{"", "/usr/lib/worker-wrap/worker-wrap __worker /r/bin/Runner.Worker.orig", 125, 1, 0}, // another tool's name
		{"", "/r/bin/Runner.Worker.orig", 125, 1, 10},
		{"", "/usr/lib/worker-wrap/worker-wrap __workers /r/bin/Runner.Worker", 125, 1, 10},
		{"", "/r/bin/Runner.Worker x", 125, 1, 10},
		{"", "worker-wrap", 125, 1, 10},
		{"", "worker-wrap-inner", 125, 1, 10},
	} {
		read, write, _ := pipe(t)
		if _, err := write.Write(encoded(2)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path)
		cmd.Args = append(strings.Fields(c.name), "spawnclient", "3", "4")
		cmd.Env = []string{c.how}
		cmd.ExtraFiles = []*os.File{read}
		var said bytes.Buffer
		cmd.Stderr = &said
		_ = cmd.Run()
		text := said.String()
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(text, "panic: a mistake") || c.lines > 0 && strings.Count(text, "\n") != c.lines || waiting(t, read) != c.left {
			t.Errorf("%q as %s: %v, %d bytes are left, and it says %q", c.how, c.name, cmd.ProcessState, waiting(t, read), text)
		}
	}
}
