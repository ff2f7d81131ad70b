package early_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// guardStrikes are calls of a keeper that guards, and of what it starts to lay the folder again, with errors for each.
// The first are both programs', others the one's or the other's.
var guardStrikes = map[string][]string{
	"clone": {"EAGAIN"}, "execve": {"ENOENT", "EACCES"}, "wait4": {"EINTR"}, "ppoll": {"EINTR", "ENOMEM"}, "inotify_add_watch": {"ENOSPC"},
	"statx": {"EIO"}, "openat": {"EMFILE"}, "openat2": {"EMFILE", "ENOSYS"}, "capset": {"EPERM"}, "fstat": {"EIO"},
	"open_tree": {"EPERM", "EMFILE"}, "mount_setattr": {"EPERM"}, "move_mount": {"EBUSY", "EPERM"}, "mkdirat": {"EACCES"},
}

// TestEachCallOfAGuardStruck kills what lays a folder again before its calls, and has them fail: when that is over the
// private Worker sees its own again, and the host never sees that. A keeper that is killed leaves nothing that lasts.
func TestEachCallOfAGuardStruck(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	root := root(t)
	start(t, root, alone)
	came, all := 0, os.Getenv(allFaultsVar) != ""
	for call, errnos := range guardStrikes {
		strikes := prefixed("error=", errnos)
		if !all {
			strikes = strikes[:1]
		}
		if all || slices.Contains([]string{"wait4", "execve", "move_mount"}, call) {
			strikes = append(strikes, "signal=KILL")
		}
		for _, what := range strikes {
			if strikeGuard(t, strace, root, call, what) {
				came++
			}
		}
	}
	if came < len(guardStrikes)/2 {
		t.Errorf("only %d strikes came about", came)
	}
}

func prefixed(prefix string, words []string) (out []string) {
	for _, word := range words {
		out = append(out, prefix+word)
	}
	return out
}

// strikeGuard does it to a keeper when _temp is removed, once, and reports whether it came about.
func strikeGuard(t *testing.T, strace, root, call, what string) bool {
	t.Helper()
	temp, log := root+"/_work/_temp", root+".trace"
	defer os.Remove(log)
	private := start(t, root, alone)
	defer private.end()
	own, keeper := sees(t, private, root), keeperOf(t, private.cmd.Process.Pid)
	tracer := exec.Command(strace, "-f", "-o", log, "-e", "trace="+call, "-e", "inject="+call+":"+what+":when=1", "-p", fmt.Sprint(keeper))
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "it is traced", func() bool {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", keeper))
		return strings.Contains(string(status), fmt.Sprintf("\nTracerPid:\t%d\n", tracer.Process.Pid))
	})
	remake(t, temp, 0)
	struck := func() bool {
		text, _ := os.ReadFile(log)
		return strings.Contains(string(text), "INJECTED") || strings.Contains(string(text), "+++ killed by SIGKILL")
	}
	alive := func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", keeper))
		return err == nil && !strings.Contains(string(stat), ") Z ")
	}
	// It may make no such call: then the folder is laid.
	testkit.Await(t, call+": something comes of it", func() bool { return struck() || !alive() || sees(t, private, root).Ino == own.Ino })
	came := struck() || !alive()
	if err := tracer.Process.Kill(); err != nil { // asked to end it may wait for a thread that has ended
		t.Fatal(err)
	}
	_ = tracer.Wait()
	testkit.Await(t, fmt.Sprintf("%s, %s: it sees its own", call, what), func() bool { return !alive() || sees(t, private, root).Ino == own.Ino })
	var plain unix.Stat_t
	if err := unix.Stat(temp, &plain); err == nil && plain.Ino == own.Ino {
		t.Errorf("%s, %s: the host sees it", call, what)
	}
	private.end()
	// It ends in any case. One that is struck after all was well dies when it gets to that.
	testkit.Await(t, fmt.Sprintf("%s, %s: it has ended", call, what), func() bool { return !alive() })
	testkit.Await(t, fmt.Sprintf("%s, %s: what it used is swept", call, what), func() bool {
		there := slices.ContainsFunc(folders(t, root), func(name string) bool {
			return strings.Contains("."+name, fmt.Sprintf(".%d-", private.cmd.Process.Pid))
		})
		if there {
			start(t, root, alone).end() // which sweeps, once what the keeper has started has ended too
		}
		return !there
	})
	return came
}
