package starts_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ending is how a start ended under a fault, a limit or another hardship. The program that it was to start says
// "started" and makes the file mark in _temp.
type ending struct {
	code     int
	out, err string
	onHost   bool // mark is in the host's _temp
	hung     bool

	supervised bool // in a user namespace, by two processes
}

// refusedByKernel stands in the line of a process that Go's runtime has ended, as it was refused a thread or memory.
const refusedByKernel = "; the kernel refused a thread or memory: "

// program is what such a start runs, as an argument of sh -c.
func program(temp string) string { return "echo started; : > " + mark(temp) }

func mark(temp string) string { return filepath.Join(temp, "mark") }

// isOnHost reports whether the program ran in the host's _temp, and makes it as before.
func isOnHost(temp string) bool { return os.Remove(mark(temp)) == nil }

// The outcomes that a setting may allow.
const (
	isolated = "isolated" // nothing is said
	warned   = "warned"   // isolated, with one line of worker-wrap's
	plain    = "plain"    // in the plain _temp, nothing is said
	reported = "reported" // in the plain _temp, with one line that says so
	// abandoned is the end of a program in a user namespace that could not be supervised, or whose supervisor was refused
	// a thread meanwhile. It may have run by then.
	abandoned = "abandoned"
	refused   = "refused" // not started, with one line and exit code 125, or the program's own fault: 126 or 127
)

// outcome says which of the outcomes it is, or why it is not one.
func (e ending) outcome() (string, error) {
	line := strings.HasPrefix(e.err, "worker-wrap: ") && strings.HasSuffix(e.err, "\n") && strings.Count(e.err, "\n") == 1 || e.bothRefused() || e.refusedAfterAll()
	ran := e.out == "started\n" && e.code == 0
	faulty := strings.Contains(e.err, "cannot run ") || strings.Contains(e.err, "Runner.Worker.real is not there")
	switch {
	case e.hung:
		return "hang", errors.New("it hung")
	case ran && e.onHost && e.err == "":
		return plain, nil
	case ran && e.onHost && line && strings.Contains(e.err, "WITHOUT a _temp of its own"):
		return reported, nil
	case ran && !e.onHost && e.err == "":
		return isolated, nil
	case ran && !e.onHost && line:
		return warned, nil
	case e.supervised && e.code == 125 && line && (strings.Contains(e.err, "the program was ended, as it could not be supervised") ||
		e.out == "started\n" && strings.Contains(e.err, refusedByKernel)):
		return abandoned, nil
	case e.out != "" || e.onHost:
		return "half", fmt.Errorf("the program ran (in the host's _temp: %v), with exit code %d, output %q and %q on stderr", e.onHost, e.code, e.out, e.err)
	case e.code != 125 && !(e.code == 126 && faulty) && !(e.code == 127 && faulty):
		return "other", fmt.Errorf("exit code %d, want 125; stderr %q", e.code, e.err)
	case !line:
		return "unclear", fmt.Errorf("want one line of worker-wrap's, got %q", e.err)
	}
	return refused, nil
}

// bothRefused reports whether both processes of a start in a user namespace gave up at the same moment, each with its
// line: the supervisor and its child.
func (e ending) bothRefused() bool {
	for line := range strings.Lines(e.err) {
		if !strings.HasPrefix(line, "worker-wrap: ") || !strings.Contains(line, refusedByKernel) {
			return false
		}
	}
	return e.supervised && strings.Count(e.err, "\n") == 2
}

// refusedAfterAll reports whether a start that WORKER_WRAP_FALLBACK=run let go on, which it says in its line, was
// refused a thread by the kernel after that: the runtime may want one at any time.
func (e ending) refusedAfterAll() bool {
	first, second, _ := strings.Cut(e.err, "\n")
	return e.code == 125 && strings.HasPrefix(first, "worker-wrap: this job runs WITHOUT a _temp of its own") &&
		strings.HasPrefix(second, "worker-wrap: ") && strings.Contains(second, refusedByKernel) && strings.Count(second, "\n") == 1
}

// allowed is outcome, with an error for one that is not among these.
func (e ending) allowed(outcomes ...string) (string, error) {
	got, err := e.outcome()
	if err == nil && !slices.Contains(outcomes, got) {
		err = fmt.Errorf("%s, want one of %v; exit code %d, stderr %q", got, outcomes, e.code, e.err)
	}
	return got, err
}
