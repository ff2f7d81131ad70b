package front

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// A test binary with this name lets go of what it inherited and says what it has left.
const letter = "supervise-lets-go"

// One with this name catches a SIGTERM, says so, and releases it.
const releaser = "supervise-releases"

// partsMain is the test binary under one of these names.
func partsMain() {
	if os.Args[0] == letter {
		report, err := os.OpenFile(os.Args[1], os.O_WRONLY, 0)
		if err == nil {
			err = LetGo()
		}
		if err != nil {
			println(err.Error())
			os.Exit(1)
		}
		for fd := range 1024 {
			if target, err := os.Readlink(filepath.Join("/proc/self/fd", strconv.Itoa(fd))); err == nil {
				_, _ = report.WriteString(strconv.Itoa(fd) + " " + target + "\n")
			}
		}
		unix.Exit(0)
	}
	if os.Args[0] == releaser {
		s := Catch()
		_ = unix.Kill(os.Getpid(), unix.SIGTERM)
		s.caught <- <-s.caught // it has come
		println("caught")
		s.Release()
		select {} // until the signal does what it does
	}
}

// TestLetGo: no descriptor that was inherited is left, at whatever number, and what the program has opened
// itself stays.
func TestLetGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	bash := testkit.RequireTool(t, "bash", "bash")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bash, "-c", `exec 160>&3 300<&0; exec -a "$0" "$@"`, letter, self, path)
	cmd.ExtraFiles = []*os.File{write}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	write.Close()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	nulls, own := 0, false
	for line := range strings.Lines(string(text)) {
		fd, target, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case target == "/dev/null" && len(fd) == 1 && fd[0] <= '2':
			nulls++
		case target == path:
			own = true
		case !strings.HasPrefix(target, "anon_inode:[") && !strings.HasPrefix(target, "/sys/fs/cgroup/"): // the runtime's
			t.Errorf("descriptor %s is still %s", fd, target)
		}
	}
	if nulls != 3 || !own {
		t.Errorf("left are\n%s", text)
	}
}

// TestRelease: what was caught before there was a child does then what it would have done.
func TestRelease(t *testing.T) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = releaser
	out, _ := cmd.CombinedOutput()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != unix.SIGTERM || string(out) != "caught\n" {
		t.Errorf("%v, %q; want an end by SIGTERM", cmd.ProcessState, out)
	}
}

// TestReleaseSendsAgain: whoever else looks for a signal that was caught sees it once more.
func TestReleaseSendsAgain(t *testing.T) {
	other := make(chan os.Signal, 2)
	signal.Notify(other, unix.SIGWINCH)
	defer signal.Stop(other)
	seen := func(what string) {
		t.Helper()
		select {
		case <-other:
		case <-time.After(testkit.Patience):
			t.Fatal(what)
		}
	}
	s := Catch()
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil {
		t.Fatal(err)
	}
	seen("the signal did not come")
	s.caught <- <-s.caught // it has come there too
	s.Release()
	seen("the signal was not sent again")
}
