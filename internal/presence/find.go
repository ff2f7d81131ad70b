package presence

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/perpid"
	"github.com/worker-wrap/worker-wrap/internal/runner"
)

// Worker is one living Worker.
type Worker struct {
	Owner perpid.Owner
	// Earlier is true where it started before the process that asks. Of two processes each is earlier
	// than the other for just one of them, so that they never wait for each other.
	Earlier bool
	// Starting is true where it is worker-wrap still, and has not become the runner's own Worker.
	Starting bool
	// Ancestor is true where the process that asks was started by it: its end cannot be waited for.
	Ancestor bool
}

// Find returns the living Workers of the runner in root, self not among them. A process of another user
// is none, whatever it calls itself, unless that is root or the caller is: anybody may give a process any
// name, and must not be able to hold another user's Workers up with that.
func Find(root string, self perpid.Owner) ([]Worker, error) { return find("/proc", root, self) }

func find(proc, root string, self perpid.Owner) ([]Worker, error) {
	dir, err := os.Open(proc)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var out []Worker
	var above []int
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == self.PID {
			continue
		}
		process := filepath.Join(proc, name)
		if !isWorkerOf(process, root) || !ours(process) {
			continue
		}
		o, err := self.Peer(pid)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return nil, err
		}
		if above == nil {
			above = ancestors(proc, self.PID)
		}
		out = append(out, Worker{
			Owner:    o,
			Earlier:  o.Start < self.Start || o.Start == self.Start && o.PID < self.PID,
			Starting: starting(process),
			Ancestor: slices.Contains(above, pid),
		})
	}
	return out, nil
}

// isWorkerOf reports whether the process's argv[0] is that of a Worker of the runner in root. A zombie
// has no arguments, and is none.
func isWorkerOf(process, root string) bool {
	path := argv0(process)
	if name := filepath.Base(path); name != runner.WorkerName && name != runner.RealWorkerName {
		return false
	}
	if !filepath.IsAbs(path) {
		cwd, err := os.Readlink(process + "/cwd")
		if err != nil {
			return false
		}
		path = filepath.Join(cwd, path)
	}
	bin := filepath.Dir(path)
	if same(filepath.Dir(bin), root) {
		return true
	}
	resolved, err := filepath.EvalSymlinks(bin) // bin may be a link that leads elsewhere
	return err == nil && same(filepath.Dir(resolved), root)
}

// argv0 returns the process's first argument, or "" where it cannot be read or is longer than a path
// can be.
func argv0(process string) string {
	fd, err := unix.Open(process+"/cmdline", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer unix.Close(fd)
	var buf [unix.PathMax]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil || n <= 0 {
		return ""
	}
	end := bytes.IndexByte(buf[:n], 0)
	if end < 0 {
		return ""
	}
	return string(buf[:end])
}

// same reports whether two paths lead to the same folder.
func same(a, b string) bool {
	if a == b {
		return true
	}
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev && x.Ino == y.Ino
}

// ours reports whether the process belongs to the caller's user or to root, or the caller is root. The
// owner of /proc/PID would not tell: it is root for a process that must not be traced, as one with a
// file capability (proc(5)).
func ours(process string) bool {
	uid := status(process, "Uid")
	own := strconv.Itoa(os.Getuid())
	return own == "0" || uid == own || uid == "0"
}

// starting reports whether the process runs the caller's own program. Where its program cannot be seen
// though it is the caller's user's, it has a file capability, as worker-wrap does and a Worker does not.
func starting(process string) bool {
	var it, self unix.Stat_t
	err := unix.Stat(process+"/exe", &it)
	if err == unix.EACCES {
		return status(process, "Uid") == strconv.Itoa(os.Getuid())
	}
	return err == nil && unix.Stat("/proc/self/exe", &self) == nil && it.Dev == self.Dev && it.Ino == self.Ino
}

// ancestors returns the PIDs of the processes above pid.
func ancestors(proc string, pid int) []int {
	out := []int{}
	for len(out) < 1<<10 {
		parent, err := strconv.Atoi(status(filepath.Join(proc, strconv.Itoa(pid)), "PPid"))
		if err != nil || parent == 0 {
			break
		}
		out = append(out, parent)
		pid = parent
	}
	return out
}

// status returns the first word of a field of /proc/PID/status, or "".
func status(process, field string) string {
	data, err := os.ReadFile(process + "/status")
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(string(data), "\n"+field+":")
	if !ok {
		return ""
	}
	line, _, _ := strings.Cut(rest, "\n")
	if f := strings.Fields(line); len(f) > 0 {
		return f[0]
	}
	return ""
}
