package workers

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Worker is one living wrapped process.
type Worker struct {
	PID       int       `json:"pid"`
	Command   string    `json:"command"`        // argv[0]
	Runner    string    `json:"runner"`         // the runner's root, "" where it was started by hand
	Since     time.Time `json:"since"`          // when the process started
	Namespace uint64    `json:"mountNamespace"` // inode number
	Temp      string    `json:"perPIDFolder"`   // as the host sees it
	Files     int64     `json:"files"`
	Bytes     int64     `json:"bytes"`   // on disk
	Partial   bool      `json:"partial"` // Files and Bytes are lower bounds
	Proxy     bool      `json:"dockerProxy"`
	Step      string    `json:"step,omitempty"` // what its log says it runs, where that can be read
	UID       int       `json:"uid"`
}

// measured bounds how many entries of a per-PID folder are looked at for its size.
const measured = 200_000

// List returns the wrapped Workers that are alive, the one that started last at the end. hidden is how
// many processes could not be looked into for lack of rights.
func List() (list []Worker, hidden int, err error) { return listIn("/proc") }

func listIn(proc string) (list []Worker, hidden int, err error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		w, err := find(proc, pid)
		switch {
		case errors.Is(err, fs.ErrPermission):
			hidden++
		case err == nil && w.PID != 0:
			list = append(list, w)
		}
	}
	slices.SortStableFunc(list, func(a, b Worker) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return a.PID - b.PID
	})
	return list, hidden, nil
}

// Find returns the wrapped Worker with the given PID.
func Find(pid int) (Worker, error) {
	w, err := find("/proc", pid)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w, errors.New("there is no such process")
	case err != nil:
		return w, err
	case w.PID == 0:
		return w, errors.New("it is not a wrapped Worker; worker-wrap ps lists those")
	}
	return w, nil
}

// find looks at one process. The Worker's PID is 0 where it is none.
func find(proc string, pid int) (Worker, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	env, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return Worker{}, err
	}
	host := lookup(env, perpid.HostTempVar)
	owner, _, ok := perpid.Parse(filepath.Base(host))
	if !ok || !owner.Is(proc, pid) {
		return Worker{}, nil
	}
	w := Worker{PID: pid, Temp: host}
	if w.Since, err = started(owner.Start); err != nil {
		return Worker{}, err
	}
	if cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil {
		w.Command = runner.Started(cmdline)
	}
	if runner.IsWorker(w.Command) {
		if layout, err := runner.FromWorkerPath(w.Command); err == nil {
			w.Runner = layout.Root
		}
	}
	var st unix.Stat_t
	if unix.Stat(dir, &st) == nil {
		w.UID = int(st.Uid)
	}
	w.Namespace, _ = nsenter.Inode(filepath.Join(dir, "ns", "mnt"))
	u := perpid.Measure(host, measured)
	w.Files, w.Bytes, w.Partial = u.Files, u.Bytes, u.Partial
	w.Proxy = hasProxy(host)
	w.Step = step(dir)
	return w, nil
}

// hasProxy reports whether something named like a Docker proxy's is kept for the same owner.
func hasProxy(host string) bool {
	match, _ := filepath.Glob(host + ".docker*")
	return len(match) > 0
}

// lookup returns a variable from an environment of NUL-terminated strings.
func lookup(env []byte, name string) string {
	for s := range strings.SplitSeq(string(env), "\x00") {
		if value, ok := strings.CutPrefix(s, name+"="); ok {
			return value
		}
	}
	return ""
}

// started converts field 22 of /proc/PID/stat, in clock ticks after boot, which Linux counts at 100 a
// second for user space on every architecture Go supports (USER_HZ, include/asm-generic/param.h).
func started(ticks uint64) (time.Time, error) {
	const userHZ = 100
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}, os.NewSyscallError("clock_gettime", err)
	}
	boot := time.Now().Add(-time.Duration(up.Nano()))
	return boot.Add(time.Duration(ticks) * (time.Second / userHZ)), nil
}
