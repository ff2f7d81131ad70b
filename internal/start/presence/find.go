package presence

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Worker is one living Worker.
type Worker struct {
	Owner perpid.Owner
	// Earlier is true if it started before the process that asks. Of two processes each is earlier than the other for
	// just one of them, so that they never wait for each other.
	Earlier bool
	// Starting is true if it is worker-wrap still, and has not become the runner's own Worker.
	Starting bool
	// Ancestor is true if the process that asks was started by it: its end cannot be waited for.
	Ancestor bool
}

// Find returns the living Workers of the runner in root, self not among them. A process of another user
// is none, whatever it calls itself, unless that is root or the caller is: anybody may give a process any
// name, and must not be able to hold another user's Workers up with that.
func Find(root string, self perpid.Owner) ([]Worker, error) { return find("/proc", root, self) }

func find(proc, root string, self perpid.Owner) ([]Worker, error) {
	pids, err := procfs.PIDs(proc)
	if err != nil {
		return nil, err
	}
	var out []Worker
	var above []int
	for _, pid := range pids {
		if pid == self.PID {
			continue
		}
		process := filepath.Join(proc, strconv.Itoa(pid))
		worker, err := isOurs(process, root)
		if err != nil && !unseen(err) {
			return nil, fmt.Errorf("process %d may be one: %w", pid, err)
		}
		if err != nil || !worker {
			continue
		}
		o, err := self.Peer(pid)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		w := Worker{Owner: o, Starting: starting(process)}
		if w.Starting && keeps(process) {
			continue
		}
		if above == nil {
			above = ancestors(proc, self.PID)
		}
		w.Earlier = o.Start < self.Start || o.Start == self.Start && o.PID < self.PID
		w.Ancestor = slices.Contains(above, pid)
		out = append(out, w)
	}
	return out, nil
}

// unseen reports whether an error about a process means that there is none, or another user's that is hidden from the
// caller (proc(5), hidepid).
func unseen(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) || errors.Is(err, fs.ErrPermission)
}

// isOurs reports whether the process is a Worker of the runner in root, by the path it was started by, and ours. That
// comes first: the target of a path that another user gives a process is no concern of the caller's.
func isOurs(process, root string) (bool, error) {
	path, err := argv0(process)
	if err != nil {
		return false, err
	}
	if !runner.IsWorker(path) {
		return false, nil // a zombie too, which has no arguments
	}
	if is, err := ours(process); !is || err != nil {
		return false, err
	}
	is, err := runner.InBin(process, path, root)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENAMETOOLONG) {
		return false, nil // it leads nowhere
	}
	return is, err
}

// argv0 returns the path by which the process was started as its arguments have it, or "" if it is longer than a path
// can be.
func argv0(process string) (string, error) {
	fd, err := unix.Open(process+"/cmdline", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", &fs.PathError{Op: "open", Path: process + "/cmdline", Err: err}
	}
	defer unix.Close(fd)
	var buf [unix.PathMax + runner.EntrySize]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return "", &fs.PathError{Op: "read", Path: process + "/cmdline", Err: err}
	}
	if n == len(buf) { // its last argument may be cut
		n = bytes.LastIndexByte(buf[:n], 0)
	}
	if bytes.IndexByte(buf[:max(n, 0)], 0) < 0 {
		return "", nil
	}
	return runner.Started(buf[:n]), nil
}

// ours reports whether the process belongs to the caller's user or to root, or the caller is root. The
// owner of /proc/PID would not tell: it is root for a process that must not be traced, as one with a
// file capability (proc(5)).
func ours(process string) (bool, error) {
	own := strconv.Itoa(os.Getuid())
	if own == "0" {
		return true, nil
	}
	status, err := procfs.Read(process)
	uid := status.Word("Uid")
	return uid == own || uid == "0", err
}

// starting reports whether the process runs the caller's own program. If its program cannot be seen though it is the
// caller's user's, it has a file capability, as worker-wrap does and a Worker does not.
func starting(process string) bool {
	var it, self unix.Stat_t
	err := unix.Stat(process+"/exe", &it)
	if err == unix.EACCES {
		status, _ := procfs.Read(process)
		return status.Word("Uid") == strconv.Itoa(os.Getuid())
	}
	return err == nil && unix.Stat("/proc/self/exe", &self) == nil && it.Dev == self.Dev && it.Ino == self.Ino
}

// keeps reports whether a process that runs the caller's program is no start but a keeper. It has its Worker's words until
// it hides them.
func keeps(process string) bool {
	status, err := procfs.Read(process)
	return err == nil && status.Line("Name") == runner.KeeperName
}

// ancestors returns the PIDs of the processes above pid.
func ancestors(proc string, pid int) []int {
	out := []int{}
	for len(out) < 1<<10 {
		status, _ := procfs.Read(filepath.Join(proc, strconv.Itoa(pid)))
		if pid = int(status.Number("PPid", 10)); pid == 0 {
			break
		}
		out = append(out, pid)
	}
	return out
}
