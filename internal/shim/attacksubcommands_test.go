package shim_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

var (
	shownCommand = regexp.MustCompile(`(?m)^   ([a-z]+)(?:, [a-z]+)* {2,}\S`)
	lostAll      = regexp.MustCompile(`capset\(.*effective=0.*permitted=0.*inheritable=0.*\) = 0`)
	// The runtime reads these as it starts.
	ofRuntime = regexp.MustCompile(`"/sys/|"/proc/self/(mountinfo|cgroup|auxv)"|"/dev/null"|ENOENT|EMFILE`)
)

// TestAttackByEverySubcommand: each one, started from the file with the capability, gives it up before it opens
// anything or starts a process, and so has nothing to hand on.
func TestAttackByEverySubcommand(t *testing.T) {
	strace, setpriv := testkit.RequireTool(t, "strace", "strace"), testkit.RequireTool(t, "setpriv", "util-linux")
	shim := capable(t)
	s := ordinary(t, shim)
	help, err := exec.Command(shim, "--help").Output()
	do(t, err)
	names := []string{sweeper.Command, "__docker-proxy", "__standin-worker"}
	for _, m := range shownCommand.FindAllStringSubmatch(string(help), -1) {
		names = append(names, m[1])
	}
	if len(names) < 12 || !slices.Contains(names, "audit") {
		t.Fatalf("the help names only %q", names)
	}
	id, log := itoa(user), filepath.Join(testkit.Dir(t), "log")
	for _, name := range names {
		if name == "run" || name == "demo" {
			continue // the one is a start; the other tries whether it may mount, and has no use for it else
		}
		// A root that is none, so that nothing is done but to the runner from here upwards.
		cmd := exec.Command(strace, "-f", "-o", log, "-e", "trace=capset,open,openat,openat2,execve,unlinkat,mkdirat,mount,unshare,setns", "--",
			setpriv, "--reuid", id, "--regid", id, "--clear-groups", shim, name, s.store)
		cmd.Dir = s.root
		timer := time.AfterFunc(20*time.Second, func() { _ = exec.Command("kill", "-TERM", itoa(cmd.Process.Pid)).Run() })
		_ = cmd.Run()
		timer.Stop()
		trace, err := os.ReadFile(log)
		do(t, err)
		_, own, started := strings.Cut(string(trace), `execve("`+shim+`"`)
		if !started {
			t.Fatalf("%s: the trace shows no start:\n%s", name, trace)
		}
		lost := false
		for line := range strings.Lines(own[strings.Index(own, "\n")+1:]) {
			if lost = lostAll.MatchString(line); lost {
				break
			}
			if strings.Contains(line, " capset(") || strings.Contains(line, "+++") || strings.Contains(line, "---") || ofRuntime.MatchString(line) ||
				strings.Contains(line, `"/proc/self/status", O_RDONLY`) { // whether all threads can be reached
				continue
			}
			t.Errorf("%s: before it gives up its capability: %s", name, line)
		}
		if !lost {
			t.Errorf("%s: it never gives up its capability:\n%.2000s", name, own)
		}
	}
}
