package starts_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// trace is what strace saw of a start.
type trace struct {
	main  string            // the main thread's id, empty where only that was traced
	calls map[string][]call // by thread: the shim's own calls until the program is started, and a supervisor's after that
	count map[string]map[string]int
	// ofProgram counts the calls that the program itself makes.
	ofProgram map[string]int
	// restarted has the names of calls that a signal made the main thread repeat, such as those by which Go's runtime
	// takes turns. That comes as it comes.
	restarted map[string]bool
	// struck is true where a fault was injected, and none into the program: after the first into that the trace is
	// not read on.
	struck bool
}

var (
	tracedCall    = regexp.MustCompile(`^(?:(\d+) +)?(\w+)\(`)
	restartedCall = regexp.MustCompile(`^(?:(\d+) +)?(?:<\.\.\. )?(\w+)\b.* = \? ERESTART`)
)

// readTrace reads what strace has written about a start.
func readTrace(t *testing.T, path string) trace {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	tr := trace{calls: map[string][]call{}, count: map[string]map[string]int{}, ofProgram: map[string]int{}, restarted: map[string]bool{}}
	limits := map[string]int{}
	program, started, forked := "", false, false
	detached := map[string]bool{} // runs beside the Worker, as a proxy does
	for i, line := range slices.Collect(strings.Lines(string(data))) {
		if tid, rest, _ := strings.Cut(line, " "); strings.Contains(rest, "+++ superseded by execve ") {
			program, started = tid, true // another thread has become the program, and has the main thread's id now
		}
		if started && strings.HasPrefix(line, program) && strings.Contains(line, "<... execve resumed>") && strings.Contains(line, " = -1 ") {
			started = false
		}
		if m := restartedCall.FindStringSubmatch(line); m != nil && m[1] == tr.main {
			tr.restarted[m[2]] = true
		}
		injected := strings.Contains(line, "(INJECTED)")
		m := tracedCall.FindStringSubmatch(line)
		if m == nil { // such as the second half of a call, if another thread's came between
			if tid, _, _ := strings.Cut(line, " "); injected && started && tid == program {
				tr.struck = false
				return tr
			}
			tr.struck = tr.struck || injected
			continue
		}
		tid, name := m[1], m[2]
		if i == 0 {
			tr.main, tr.count[tid] = tid, map[string]int{}
			continue // strace's own execve, to which it does nothing, and which it does not count
		}
		if tr.count[tid] == nil {
			tr.count[tid] = map[string]int{}
			if len(detached) > 0 {
				detached[tid] = true // a thread of its
			}
		}
		tr.count[tid][name]++
		switch {
		case started && tid == program && name != "execve":
			tr.ofProgram[name]++
			if injected {
				tr.struck = false
				return tr
			}
			continue
		case !started && strings.HasPrefix(line[len(m[0])-len(name)-1:], `execve("`) &&
			!strings.Contains(line, `execve("/proc/self/exe"`) && !strings.Contains(line, ") = -1 "):
			// Once only: of a thread that an execve kills, strace may say the same call, which it never made.
			program, started = tid, true
		}
		tr.struck = tr.struck || injected
		if name == "prlimit64" && strings.Contains(line, "RLIMIT_NOFILE, {") {
			limits[tid]++ // entry lowers the limit, package os raises it, origin puts it back
		}
		if strings.Contains(line, `execve("/proc/self/exe", ["worker-wrap", `) {
			detached[tid] = true
		}
		own := !detached[tid] && !slices.Contains(runtimeCalls, name) || name == "prctl" && tid != tr.main && !detached[tid]
		if strings.Contains(line, "CLONE_NEWUSER") {
			forked = true
		} else if forked && tid == tr.main && name == "read" {
			// Package syscall learns here how its child's execve went. It is from a pipe, from which no error can come,
			// and would wait for that child for ever.
			own, forked = false, false
		}
		if own && (tid != tr.main || limits[tid] >= 3) {
			tr.calls[tid] = append(tr.calls[tid], call{name, tr.count[tid][name]})
		}
	}
	return tr
}
