package starts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

var (
	shownCommand = regexp.MustCompile(`(?m)^   ([a-z]+)(?:, [a-z]+)* {2,}\S`)
	lostAll      = regexp.MustCompile(`capset\(.*effective=0.*permitted=0.*inheritable=0.*\) = 0`)
	// The runtime reads these as it starts.
	ofRuntime = regexp.MustCompile(`"/sys/|"/proc/self/(mountinfo|cgroup|auxv)"|"/dev/null"|ENOENT|EMFILE`)
)

// TestAttackByEverySubcommand: each one, started from the file with the capability, gives it up before it opens
// anything or starts a process: so it has nothing to hand on.
func TestAttackByEverySubcommand(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
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
		// A root without a runner, so that nothing is done but to the runner from here upwards.
		args := append([]string{"-f", "-o", log, "-e", "trace=capset,open,openat,openat2,execve,unlinkat,mkdirat,mount,unshare,setns", "--"}, testkit.UserWords(id, id)...)
		cmd := exec.Command(strace, append(args, shim, name, s.store)...)
		cmd.Dir = s.root
		timer := time.AfterFunc(testkit.Patience, func() { _ = exec.Command("kill", "-TERM", itoa(cmd.Process.Pid)).Run() })
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

// TestAttackOnRootsSubcommands: the user puts FIFOs, to which nobody writes, in the places in which root's commands
// look. None of them waits for one.
func TestAttackOnRootsSubcommands(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	w := command([]string{"DOCKER=off"}, s.worker, "-c", "mkfifo Worker_20260101-000000-utc.log && exec 7<>Worker_20260101-000000-utc.log && echo ready && read line")
	w.Dir = s.root
	in, err := w.StdinPipe()
	do(t, err, w.Start())
	defer func() { in.Close(); w.end(t) }()
	w.hasSaid(t, "ready")
	here := []string{"--runner-root", s.root}
	commands := map[string][]string{
		"status": here, "doctor": here, "ps": nil, "gc": append(here, "--dry-run"), "install": append(here, "--dry-run"), "uninstall": append(here, "--dry-run"), "audit": {s.root},
	}
	run := func(where string) {
		t.Helper()
		for name, args := range commands {
			cmd := exec.Command(shim, append([]string{name}, args...)...)
			var out printed
			cmd.Stdout, cmd.Stderr = &out, &out
			do(t, cmd.Start())
			late := time.AfterFunc(testkit.Patience, func() { t.Errorf("%s waits where %s is a FIFO", name, where); _ = cmd.Process.Kill() })
			_ = cmd.Wait()
			late.Stop()
			if code := cmd.ProcessState.ExitCode(); code < 0 || code > 125 {
				t.Errorf("%s, where %s is a FIFO: exit code %d, %s", name, where, code, &out)
			}
		}
	}
	run("a Worker's log")
	for _, name := range []string{
		"_diag", "_diag/worker-wrap.jsonl", "_diag/worker-wrap.jsonl.1", "_diag/Runner_20260101-000000-utc.log", "_diag/Worker_20260101-000000-utc.log",
		"bin", "bin/Runner.Listener.deps.json", "bin/Runner.Worker", "bin/Runner.Worker.real", "bin.9.9.9", "bin.9.9.9/Runner.Worker",
		".service", ".env", ".runner", "_work", "_work/_temp", "_work/.worker-wrap", ".worker-wrap", "_work/_update", "_work/_update.sh",
	} {
		path := filepath.Join(s.root, name)
		aside := path + ".aside"
		moved := os.Rename(path, aside) == nil
		made := os.Mkdir(filepath.Dir(path), 0o755) == nil
		do(t, unix.Mkfifo(path, 0o666))
		run(name)
		do(t, os.Remove(path))
		if made {
			do(t, os.Remove(filepath.Dir(path)))
		}
		if moved {
			do(t, os.Rename(aside, path))
		}
	}
}
