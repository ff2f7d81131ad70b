package detach

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// A test binary that is started with one of these names is not the tests, but what they start.
const (
	reporter = "detach-reporter" // writes what it is to its first file, waits for that to end, and ends
	starter  = "detach-starter"  // starts a reporter with its descriptor 3, then becomes sleep(1)
)

func TestMain(m *testing.M) {
	switch os.Args[0] {
	case reporter:
		reportSelf()
	case starter:
		startAndExec()
	}
	testkit.Main(m)
}

// facts is what a started process says of itself.
type facts struct {
	Args, Env, FDs []string
	Dir            string
	PID, PPID, SID int
	Status         map[string]string
}

func reportSelf() {
	f := facts{Args: os.Args, Env: os.Environ(), PID: os.Getpid(), PPID: os.Getppid(), Status: map[string]string{}}
	f.Dir, _ = os.Getwd()
	f.SID, _ = unix.Getsid(0)
	for n := range 4096 {
		var st unix.Stat_t
		if unix.Fstat(n, &st) == nil {
			target, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(n))
			f.FDs = append(f.FDs, strconv.Itoa(n)+" "+target)
		}
	}
	status, _ := os.ReadFile("/proc/thread-self/status")
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		f.Status[name] = strings.TrimSpace(value)
	}
	file := os.NewFile(FirstFile, "report")
	if err := json.NewEncoder(file).Encode(f); err != nil {
		os.Exit(1)
	}
	_, _ = io.Copy(io.Discard, file)
	unix.Exit(0) // os.Exit waits a second under the race detector
}

func startAndExec() {
	file := os.NewFile(3, "report")
	if err := Start(reporter, nil, []*os.File{file}); err != nil {
		println(err.Error())
		os.Exit(1)
	}
	_ = syscall.Exec("/bin/sleep", []string{"sleep", "1000"}, nil)
	os.Exit(1)
}

// pair returns two ends of a stream.
func pair(t *testing.T) (here *net.UnixConn, there *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	mine := os.NewFile(uintptr(fds[0]), "here")
	conn, err := net.FileConn(mine)
	mine.Close()
	if err != nil {
		t.Fatal(err)
	}
	there = os.NewFile(uintptr(fds[1]), "there")
	t.Cleanup(func() { conn.Close(); there.Close() })
	return conn.(*net.UnixConn), there
}

// read returns what a reporter says, lets it end, and sees that it does.
func read(t *testing.T, conn *net.UnixConn) facts {
	t.Helper()
	var f facts
	decode(t, conn, &f)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the process's end its socket gives %d bytes, %v", n, err)
	}
	return f
}

// decode reads the one line of a reporter.
func decode(t *testing.T, conn *net.UnixConn, f *facts) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	var line []byte
	for b := make([]byte, 1); len(line) == 0 || line[len(line)-1] != '\n'; {
		if _, err := conn.Read(b); err != nil {
			t.Fatalf("after %q: %v", line, err)
		}
		line = append(line, b...)
	}
	if err := json.Unmarshal(line, f); err != nil {
		t.Fatal(err)
	}
}

func (f facts) check(t *testing.T, files int) {
	t.Helper()
	// The runtime itself adds GOTRACEBACK=none where the kernel says that the program is privileged.
	if len(f.Env) != 0 && !slices.Equal(f.Env, []string{"GOTRACEBACK=none"}) {
		t.Errorf("environment %q", f.Env)
	}
	if f.Dir != "/" {
		t.Errorf("working directory %s", f.Dir)
	}
	if f.SID != f.PID {
		t.Errorf("PID %d is in session %d", f.PID, f.SID)
	}
	if f.Status["NoNewPrivs"] != "1" {
		t.Errorf("NoNewPrivs %s", f.Status["NoNewPrivs"])
	}
	if strings.Trim(f.Status["SigBlk"], "0") != "" {
		t.Errorf("blocks signals %s", f.Status["SigBlk"])
	}
	for n := range 3 {
		if !slices.Contains(f.FDs, strconv.Itoa(n)+" /dev/null") {
			t.Errorf("descriptor %d is not /dev/null: %q", n, f.FDs)
		}
	}
	// What the runtime of the started program opens itself is not inherited.
	inherited := slices.DeleteFunc(slices.Clone(f.FDs), func(fd string) bool {
		return strings.Contains(fd, "anon_inode:[event") || strings.Contains(fd, " /sys/fs/cgroup/")
	})
	if len(inherited) != FirstFile+files {
		t.Errorf("descriptors %q, want %d", inherited, FirstFile+files)
	}
}

func TestStart(t *testing.T) {
	t.Setenv("RUNNER_TRACKING_ID", "github_1")
	leak, err := os.Open("/proc/version")
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	// An inherited pipe of the Listener's is not close-on-exec.
	if _, err := unix.FcntlInt(leak.Fd(), unix.F_SETFD, 0); err != nil {
		t.Fatal(err)
	}
	for _, closeRange := range []bool{true, false} {
		t.Run("close_range="+strconv.FormatBool(closeRange), func(t *testing.T) {
			conn, there := pair(t)
			if err := start(reporter, []string{"one", "two words"}, []*os.File{there, leak}, closeRange); err != nil {
				t.Fatal(err)
			}
			there.Close()
			f := read(t, conn)
			f.check(t, 2)
			if want := []string{reporter, "one", "two words"}; !slices.Equal(f.Args, want) {
				t.Errorf("arguments %q, want %q", f.Args, want)
			}
			if f.PPID == os.Getpid() {
				t.Error("it is a child of its starter")
			}
			if !slices.Contains(f.FDs, "4 /proc/version") {
				t.Errorf("the second file is not descriptor 4: %q", f.FDs)
			}
		})
	}
}

// TestStartThenExec: the program that the starter becomes has no child, and no zombie.
func TestStartThenExec(t *testing.T) {
	conn, there := pair(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{starter}
	cmd.ExtraFiles = []*os.File{there}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	there.Close()
	proc := "/proc/" + strconv.Itoa(cmd.Process.Pid)
	testkit.Await(t, "it is another program", func() bool {
		exe, _ := os.Readlink(proc + "/exe")
		return filepath.Base(exe) == "sleep" || strings.Contains(exe, "coreutils")
	})
	children, err := os.ReadFile(proc + "/task/" + filepath.Base(proc) + "/children")
	if err != nil {
		t.Fatal(err)
	}
	if len(children) != 0 {
		t.Errorf("it has children %s", children)
	}
	// sleep(1) inherited the test's end of the pair and keeps it; the end of the started process is seen
	// by its being gone.
	var f facts
	decode(t, conn, &f)
	f.check(t, 1)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the started process has ended", func() bool { return unix.Kill(f.PID, 0) == unix.ESRCH })
}

// TestStartFails: a program that cannot be run is an error of Start, and leaves no process.
func TestStartFails(t *testing.T) {
	long := []string{strings.Repeat("x", 1<<18)} // over MAX_ARG_STRLEN, execve(2)
	err := Start(reporter, long, nil)
	if !errors.Is(err, unix.E2BIG) {
		t.Errorf("error %v, want E2BIG", err)
	}
	if err := Start(reporter, []string{"a\x00b"}, nil); !errors.Is(err, unix.EINVAL) {
		t.Errorf("error %v, want EINVAL", err)
	}
	_, closed := pair(t)
	closed.Close()
	if err := Start(reporter, nil, []*os.File{closed}); !errors.Is(err, unix.EBADF) {
		t.Errorf("error %v, want EBADF", err)
	}
	if pid, err := unix.Wait4(-1, nil, unix.WALL|unix.WNOHANG, nil); err != unix.ECHILD {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

// TestStartWhileBusy starts processes while other goroutines allocate and the collector runs: a fork
// must not depend on the state of other threads.
func TestStartWhileBusy(t *testing.T) {
	stop := make(chan struct{})
	defer close(stop)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = make([]byte, 1<<16)
				}
			}
		}()
	}
	for range 5 {
		conn, there := pair(t)
		if err := Start(reporter, nil, []*os.File{there}); err != nil {
			t.Fatal(err)
		}
		there.Close()
		f := read(t, conn)
		f.check(t, 1)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			b.Fatal(err)
		}
		here, there := os.NewFile(uintptr(fds[0]), "here"), os.NewFile(uintptr(fds[1]), "there")
		if err := Start(reporter, nil, []*os.File{there}); err != nil {
			b.Fatal(err)
		}
		here.Close()
		there.Close()
	}
}
