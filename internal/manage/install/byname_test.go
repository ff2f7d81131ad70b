package install

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// byItsName is another tool's wrapper that is a program, and finds the Worker by the name of its own file.
const byItsName = `#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
	char path[4096] = "";
	if (readlink("/proc/self/exe", path, sizeof path - 6) < 0) return 1;
	write(1, "wrapped ", 8);
	execv(strcat(path, ".real"), argv);
	perror(path);
	return 127;
}`

// TestWrapperFindsItsWorker: however another tool's wrapper looks for the Worker that it keeps, it finds that if
// worker-wrap starts it, with mounts or without. Without them it has another name than its own.
func TestWrapperFindsItsWorker(t *testing.T) {
	testkit.RequireRoot(t)
	gcc := testkit.RequireTool(t, "gcc", "gcc libc6-dev")
	m := aMachine(t)
	program := filepath.Join(m.Root, "wrapper")
	compile := exec.Command(gcc, "-x", "c", "-w", "-o", program, "-")
	compile.Stdin = strings.NewReader(byItsName)
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for i, c := range []struct{ wrapper, kept string }{
		{program, "Runner.Worker.real"},
		{"$0.real", "Runner.Worker.real"},
		{"$0.orig", "Runner.Worker.orig"},
		{"${0%/*}/Runner.Worker.real", "Runner.Worker.real"},
		{"${0%/*}/the-worker", "the-worker"},
	} {
		l := scratch.Runner(t, m.Root, fmt.Sprint("r", i), "", saying("old"))
		text := c.wrapper
		if text != program {
			text = "#!/bin/sh\nprintf 'wrapped '\nexec \"" + c.wrapper + "\" \"$@\"\n"
		}
		scratch.Move(t, scratch.WorkerIn(l.Bin()), filepath.Join(l.Bin(), c.kept))
		scratch.Worker(t, l.Bin(), text)
		scratch.Own(t, l.Bin())
		before := scratch.Tree(t, l.Bin())
		o := Options{Machine: m, Layouts: []runner.Layout{l}}
		output(&o)
		good(t, "install", Install(o))
		// The one alone comes first: it would wait two seconds only for the keeper of the one without privilege.
		for _, start := range []struct{ how, want string }{
			{"alone", "wrapped old \n"},
			{"always", "wrapped old " + l.Root + "/.worker-wrap/"},
			{"no privilege", "wrapped old " + l.Temp + "\n"},
		} {
			how, want := start.how, start.want
			cmd := bounded(scratch.WorkerIn(l.Bin()), "spawnclient", "160", "164")
			if how == "no privilege" {
				cmd = asNobody("setpriv", append([]string{"--no-new-privs"}, cmd.Args...)...)
			}
			cmd.Env = append(os.Environ(), "WORKER_WRAP_ISOLATE="+strings.Replace(how, "no privilege", "always", 1))
			if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), want) {
				t.Errorf("%s, %s: %v: %s", c.wrapper, how, err, out)
			}
		}
		good(t, "uninstall", Uninstall(o))
		scratch.Same(t, c.wrapper, scratch.Tree(t, l.Bin()), before)
	}
}
