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

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// notEntered is the call that would go down into what is a link by now.
var notEntered = regexp.MustCompile(`openat2\(\d+, "d", .*O_DIRECTORY.* = -1 ENOTDIR`)

// TestAttackOnGC exchanges a folder for a link to one of root's. That is just between root's gc finding that it is a
// folder and the call that goes down into it.
func TestAttackOnGC(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	base := testkit.Dir(t)
	shim := capable(t)
	s := ordinaryIn(t, base, shim)
	owner, err := perpid.Self()
	do(t, err)
	owner.PID, owner.Start = 1<<22+1, 1 // over the kernel's PID_MAX_LIMIT
	victim := filepath.Join(base, "victim")
	do(t, os.MkdirAll(victim+"/folder", 0o755), os.WriteFile(victim+"/file", nil, 0o644))
	sameVictim := func(t *testing.T) {
		t.Helper()
		if names := entries(t, victim); !slices.Equal(names, []string{"file", "folder"}) {
			t.Fatalf("of root's folder %q are left", names)
		}
	}
	const leads = "../../../victim"
	// A sweep that was cut off has left it under this name, so that strace can be told it.
	dead := filepath.Join(s.store, "dead."+owner.String())
	link, log := filepath.Join(s.root, "link"), filepath.Join(base, "trace")
	do(t, os.MkdirAll(dead+"/d/below", 0o755), os.WriteFile(dead+"/d/file", nil, 0o644), os.Symlink(leads, link))
	testkit.Give(t, s.store, user)
	if there, err := filepath.EvalSymlinks(dead + "/" + leads); err != nil || there != victim {
		t.Fatalf("the link would lead to %q (%v)", there, err)
	}
	// Stopped are only calls that have to do with what is in that folder.
	gc := exec.Command(strace, "-ff", "-qq", "-o", log, "-P", dead, "-e", "trace=unlinkat,openat2", "-e", "inject=unlinkat:signal=STOP",
		"--", shim, "gc", "--runner-root", s.root)
	var said printed
	gc.Stdout, gc.Stderr = &said, &said
	do(t, gc.Start())
	ended := make(chan error, 1)
	go func() { ended <- gc.Wait() }()
	// goOn lets gc go on from the call that strace has just written. The signal is pending since that began.
	goOn := func() { do(t, unix.Kill(childrenOf(t, gc.Process.Pid)[0], unix.SIGCONT)) }
	after := func(call string) {
		testkit.Await(t, call, func() bool { return regexp.MustCompile(call).MatchString(traces(t, log)) })
	}
	after(`unlinkat\(\d+, "d", 0\) .* EISDIR .*\n`)
	goOn()
	after(`unlinkat\(\d+, "d", AT_REMOVEDIR\) .* ENOTEMPTY .*\n`)
	do(t, unix.Renameat2(unix.AT_FDCWD, dead+"/d", unix.AT_FDCWD, link, unix.RENAME_EXCHANGE))
	goOn()
	select {
	case <-ended:
	case <-time.After(testkit.Patience):
		t.Fatal("gc does not end")
	}
	if trace := traces(t, log); !notEntered.MatchString(trace) {
		t.Errorf("gc did not meet the link, or went on: %s\n%s", &said, trace)
	}
	sameVictim(t)
	// The next one deletes the link itself, and nothing behind it.
	if out, err := exec.Command(shim, "gc", "--runner-root", s.root).CombinedOutput(); err != nil || len(entries(t, s.store)) != 0 {
		t.Errorf("left are %q: %v, %s", entries(t, s.store), err, out)
	}
	sameVictim(t)
}

// traces is what strace has written of each thread: in a file of its own no other's call comes between.
func traces(t *testing.T, log string) string {
	t.Helper()
	var all strings.Builder
	paths, err := filepath.Glob(log + ".*")
	do(t, err)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		do(t, err)
		all.Write(text)
	}
	return all.String()
}
