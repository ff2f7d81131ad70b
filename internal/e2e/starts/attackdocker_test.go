package starts_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// insideVar is set in the test process that has a mount namespace of its own.
const insideVar = "WORKER_WRAP_TEST_INSIDE"

// inside reports whether this process has a mount namespace of its own, in which the test can replace the machine's
// files. If not, one that has runs the test.
func inside(t *testing.T) bool {
	t.Helper()
	testkit.RequireRoot(t)
	if os.Getenv(insideVar) != "" {
		return true
	}
	unshare := testkit.RequireTool(t, "unshare", "util-linux")
	self, err := os.Executable()
	do(t, err)
	cmd := exec.Command(unshare, "--mount", "--propagation", "private", self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideVar+"=1", "WORKER_WRAP_TEST_BINARY="+capable(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, " starts") {
			t.Log(strings.TrimSpace(line))
		}
	}
	return false
}

// listenAt makes a socket that belongs to uid.
func listenAt(t *testing.T, path string, mode os.FileMode, uid int) {
	t.Helper()
	l, err := net.Listen("unix", path)
	do(t, err, os.Chmod(path, mode), os.Chown(path, uid, uid))
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
}

// dockerRunner makes a runner, and a folder of the user's with sockets a and b. a.link leads to the machine's Docker
// socket, and b.link to one that is neither that nor the user's.
func dockerRunner(t *testing.T) (s scratch, sockets string) {
	t.Helper()
	do(t, unix.Mount("attack", "/run", "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { do(t, unix.Unmount("/run", unix.MNT_DETACH)) })
	listenAt(t, "/run/docker.sock", 0o660, 0)
	listenAt(t, "/run/bus", 0o666, 0)
	s = ordinary(t, capable(t))
	sockets = filepath.Join(s.root, "sockets")
	do(t, os.Mkdir(sockets, 0o755))
	for _, name := range []string{"/a", "/b"} {
		listenAt(t, sockets+name, 0o600, user)
	}
	do(t, os.Symlink("/run/docker.sock", sockets+"/a.link"), os.Symlink("/run/bus", sockets+"/b.link"), os.Chown(sockets, user, user))
	return s, sockets
}

// covered says whether the proxy's socket lies over one that is not the user's.
const covered = `for real in /run/docker.sock /run/bus; do [ $real -ef "$WORKER_WRAP_HOST_TEMP.docker.sock" ] && echo HAVE; done; `

// TestAttackBetweenTwoLooks exchanges a socket just between the look that finds the user allowed to use it and the
// opening.
func TestAttackBetweenTwoLooks(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	if !inside(t) {
		return
	}
	s, sockets := dockerRunner(t)
	id := itoa(user)
	for _, name := range []string{"/a", "/b"} {
		path := sockets + name
		args := append([]string{"-o", testkit.Dir(t) + "/trace", "-P", path, "-e", "trace=faccessat2", "-e", "inject=faccessat2:signal=STOP", "--"}, testkit.UserWords(id, id)...)
		c := &start{Cmd: exec.Command(strace, append(args, s.worker, "-c", covered+innocent)...)}
		c.Stdout, c.Stderr = &c.out, &c.err
		c.Env = []string{"WORKER_WRAP_FALLBACK=none", "DOCKER_HOST=unix://" + path, "PATH=" + os.Getenv("PATH")}
		do(t, c.Start())
		pid := c.stopped(t)
		do(t, unix.Renameat2(unix.AT_FDCWD, path, unix.AT_FDCWD, path+".link", unix.RENAME_EXCHANGE), unix.Kill(pid, unix.SIGCONT))
		if code := c.end(t); code != 0 {
			t.Errorf("%s: exit code %d, %q", name, code, &c.out)
		}
		harmless(t, c.out.String())
		oneLine(t, c.err.String(), "containers will not see this job's _temp", "neither at a usual place")
	}
}

// stopped waits until the child of strace has stopped by a signal that strace sent it just after a system call, and
// returns its PID. Its state does not tell: it stops at each call that strace sees. What strace writes does (-o).
func (s *start) stopped(t *testing.T) int {
	t.Helper()
	trace := s.Args[slices.Index(s.Args, "-o")+1]
	testkit.Await(t, "it has stopped", func() bool {
		text, _ := os.ReadFile(trace)
		return strings.Contains(string(text), "--- stopped by SIGSTOP ---")
	})
	return childrenOf(t, s.Process.Pid)[0]
}

// TestAttackOnTheDockerSocket: DOCKER_HOST leads to a socket of the user's own in one moment. In the next it leads to
// the machine's Docker socket, which lets only root in, or to the bus. The user's proxy must not get to lie over those.
func TestAttackOnTheDockerSocket(t *testing.T) {
	if !inside(t) {
		return
	}
	s, sockets := dockerRunner(t)
	attack := compile(t, "attack", testkit.Dir(t))
	swapper := command(nil, attack, "swap", itoa(swapStep), sockets+"/a", sockets+"/a.link", sockets+"/b", sockets+"/b.link")
	do(t, swapper.Start())
	script := covered + `test -S "$WORKER_WRAP_HOST_TEMP.docker.sock" && echo proxied; ` + innocent
	var starts, ran, proxied, bare atomic.Int64
	const leastSwaps = 10_000
	begin := time.Now()
	goesOn := func() bool { // a busy machine brings about less
		enough := proxied.Load() > 0 && swapsSoFar(swapper) >= leastSwaps
		return time.Since(begin) < 4*time.Second || !enough && time.Since(begin) < testkit.Patience
	}
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			for goesOn() {
				c := command(nil, s.worker, "-c", script)
				c.Env = append(c.Env, "DOCKER_HOST=unix://"+sockets+"/"+string("ab"[n%2]))
				starts.Add(1)
				switch code := c.end(t); {
				case code == 0:
					ran.Add(1)
					harmless(t, c.out.String())
					if strings.Contains(c.out.String(), "proxied") {
						proxied.Add(1)
					}
					if c.err.String() != "" {
						bare.Add(1)
						oneLine(t, c.err.String(), "containers will not see")
					}
				case code == 125 && c.out.String() == "":
					oneLine(t, c.err.String())
				default:
					t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
				}
			}
		})
	}
	wg.Wait()
	do(t, swapper.Process.Signal(syscall.SIGTERM))
	swapper.end(t)
	swaps, err := swapsOf(swapper)
	do(t, err)
	t.Logf("%d swaps, %d starts, of which %d ran, %d with a proxy, %d without and with a line", swaps, starts.Load(), ran.Load(), proxied.Load(), bare.Load())
	if swaps < leastSwaps || proxied.Load() == 0 {
		t.Error("too little happened to show anything")
	}
	after := mountPoints(t, "/proc/self/mountinfo")
	if after["/run/docker.sock"]+after["/run/bus"] > 0 {
		t.Error("a bind reached the host")
	}
}
