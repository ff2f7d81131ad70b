package starts_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// errnosBeside are those of calls that only the processes beside a Worker make.
var errnosBeside = map[string][]string{
	"accept4":            {"EMFILE", "EPERM"},
	"connect":            {"ECONNREFUSED", "EACCES", "EAGAIN"},
	"epoll_create1":      {"EMFILE"},
	"eventfd2":           {"EMFILE"},
	"fcntl":              {"EMFILE"},
	"getpeername":        {},
	"getsockname":        {},
	"getsockopt":         {"ENOTSOCK"},
	"ioprio_set":         {"EPERM"},
	"poll":               {"ENOMEM", "EINTR"},
	"renameat2":          {"EACCES", "EINVAL", "EROFS", "ENOENT"},
	"renameat":           {"EACCES"},
	"sched_setaffinity":  {},
	"sched_setattr":      {"EPERM"},
	"sched_setscheduler": {"EPERM"},
	"setpriority":        {"EPERM"},
	"setsockopt":         {},
	"shutdown":           {},
	"tgkill":             {},
	"umask":              {},
	"uname":              {},
}

// beside is a process that a start leaves beside the Worker.
type beside struct {
	name string
	// start begins it under strace with these options, and returns what is to be done while it runs.
	start func(t *testing.T, s scratch, strace []string) (cmd *exec.Cmd, meanwhile func() error)
	// first has faults in the first call of a name by every thread, and not in the main thread's calls.
	first []string
}

// TestEachCallFailingBeside is TestEachCallFailing for the sweep and the Docker proxy, which package detach starts: with
// any call failing each ends, and says at most one line. What it leaves the next sweep removes.
func TestEachCallFailingBeside(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	binary := testkit.Binary(t)
	sweep := func(s scratch, strace []string) *exec.Cmd {
		return exec.Command(strace[0], append(strace[1:], binary, sweeper.Command, s.store, filepath.Join(s.root, "_diag"))...)
	}
	for _, b := range []beside{
		{name: "sweep", start: func(t *testing.T, s scratch, strace []string) (*exec.Cmd, func() error) {
			return sweep(s, strace), func() error { return nil }
		}},
		{name: "proxy", first: []string{"accept4", "connect", "socket", "read", "write", "epoll_ctl", "fcntl", "close"}, start: func(t *testing.T, s scratch, strace []string) (*exec.Cmd, func() error) {
			return s.proxy(t, binary, strace)
		}},
	} {
		t.Run(b.name, func(t *testing.T) {
			first := ordinary(t, binary)
			tr, _ := b.run(t, first, strace, nil)
			var faults []modeFault
			for _, c := range tr.calls[tr.main] {
				list, own := errnosBeside[c.name]
				known := own
				if !known {
					list, known = errnos[c.name]
				}
				if !known {
					list, known = errnosOfModes[c.name]
				}
				if !known {
					t.Errorf("it makes the call %s, for which this test names no errors", c.name)
				}
				if len(list) > 0 && !own { // a start makes them too
					list = []string{list[c.nth%len(list)]}
				}
				for _, errno := range list {
					faults = append(faults, modeFault{fault{c, errno, false}, false})
				}
			}
			for _, name := range b.first {
				for _, errno := range append(errnosBeside[name], errnos[name]...) {
					if errno == "EAGAIN" && name == "write" {
						continue // after which the kernel says when it would go, of which here nothing comes
					}
					faults = append(faults, modeFault{fault{call{name, 1}, errno, false}, true})
				}
			}
			if len(faults) < 20 {
				t.Fatalf("only %d faults to inject: the trace cannot have been understood", len(faults))
			}
			queue := make(chan modeFault)
			var wg sync.WaitGroup
			var mu sync.Mutex
			struck := 0
			for range runtime.NumCPU() {
				s := ordinary(t, binary)
				wg.Go(func() {
					for f := range queue {
						tr, err := b.run(t, s, strace, &f)
						if err == nil && !tr.struck && !f.luck {
							err = errors.New("it does not happen")
						}
						if err != nil {
							t.Errorf("%v: %v", f, err)
						}
						mu.Lock()
						if tr.struck {
							struck++
						}
						mu.Unlock()
					}
				})
			}
			for _, f := range faults {
				queue <- f
			}
			close(queue)
			wg.Wait()
			t.Logf("%d faults, of which %d struck", len(faults), struck)
		})
	}
}

// run makes a store with something to sweep, and has the process run to its end, with a fault if there is one.
func (b beside) run(t *testing.T, s scratch, strace string, f *modeFault) (trace, error) {
	s.leaveMore(t)
	if err := os.Remove(filepath.Join(s.root, "_diag", events.FileName)); err != nil && !os.IsNotExist(err) {
		return trace{}, err
	}
	options := []string{strace, "-o", s.trace()}
	switch {
	case f == nil:
	case f.luck:
		options = append(options, append(f.options(), "-f")...)
	default:
		options = append(options, f.options()...)
	}
	cmd, meanwhile := b.start(t, s, append(options, "--"))
	var stderr printed
	cmd.Stderr, cmd.Dir, cmd.Env, cmd.WaitDelay = &stderr, "/", []string{}, time.Second
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	if err := cmd.Start(); err != nil {
		return trace{}, err
	}
	stop := context.AfterFunc(ctx, func() {
		for _, pid := range s.relatives(t) { // strace(1) and what it runs
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	defer stop()
	for _, file := range cmd.ExtraFiles {
		file.Close()
	}
	err := meanwhile()
	_ = cmd.Wait()
	tr := readTrace(t, s.trace())
	code, said := cmd.ProcessState.ExitCode(), stderr.String()
	switch {
	case err != nil:
		return tr, err
	case ctx.Err() != nil:
		return tr, errors.New("it hung")
	case said != "" && (!strings.HasPrefix(said, "worker-wrap: ") || strings.Count(said, "\n") != 1), code != 0 && code != 125 || (said == "") != (code == 0):
		return tr, fmt.Errorf("exit code %d, %q", code, said)
	}
	// Nothing stays that is nobody's, or that a sweep without a fault does not remove.
	if out, err := exec.Command(testkit.Binary(t), sweeper.Command, s.store, "").CombinedOutput(); err != nil {
		return tr, fmt.Errorf("the sweep after it: %w: %s", err, out)
	}
	for _, name := range entries(t, s.store) {
		if _, _, ok := perpid.Parse(perpid.Bare(name)); !ok || !strings.HasPrefix(name, "undeletable.") {
			return tr, fmt.Errorf("it leaves %s", name)
		}
		if err := os.RemoveAll(filepath.Join(s.store, name)); err != nil {
			return tr, err
		}
	}
	return tr, nil
}

// proxy prepares a proxy as a start would start it, for a process that ends when it was asked something.
func (s scratch) proxy(t *testing.T, binary string, strace []string) (*exec.Cmd, func() error) {
	dir, err := os.MkdirTemp(s.root, "proxy")
	do(t, err)
	engine, err := net.Listen("unix", dir+"/real")
	do(t, err)
	go func() { // it answers everybody with the same
		for {
			conn, err := engine.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK")
			}()
		}
	}()
	worker := exec.Command("/bin/cat")
	in, err := worker.StdinPipe()
	do(t, err, worker.Start())
	me, err := perpid.Self()
	do(t, err)
	owner, err := me.Peer(worker.Process.Pid)
	do(t, err)
	private := filepath.Join(s.store, owner.String())
	do(t, os.Mkdir(private, 0o755))
	socket := private + ".docker.sock"
	store, err := os.Open(s.store) // the socket's path is longer than a sun_path
	do(t, err)
	short := fmt.Sprintf("/proc/self/fd/%d/%s", store.Fd(), filepath.Base(socket))
	listener, err := net.Listen("unix", short)
	do(t, err)
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	file, err := listener.(*net.UnixListener).File()
	do(t, err, listener.Close())
	pidfd, err := unix.PidfdOpen(worker.Process.Pid, 0)
	do(t, err)
	cmd := exec.Command(strace[0], append(strace[1:], binary, "__docker-proxy", "real="+dir+"/real", "socket="+socket,
		"temp="+s.temp, "private="+private, "diag="+filepath.Join(s.root, "_diag"))...)
	cmd.ExtraFiles = []*os.File{file, os.NewFile(uintptr(pidfd), "pidfd")}
	return cmd, func() (hung error) {
		if conn, err := net.Dial("unix", short); err == nil { // else it has ended
			_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
			_, _ = io.WriteString(conn, "GET /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")
			if answer, failed := io.ReadAll(conn); errors.Is(failed, os.ErrDeadlineExceeded) {
				hung = fmt.Errorf("it keeps its client waiting, after %q", answer)
			}
			conn.Close()
		}
		in.Close()
		_ = worker.Wait()
		engine.Close()
		store.Close()
		return hung
	}
}
