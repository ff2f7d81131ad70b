package workers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
	"github.com/worker-wrap/worker-wrap/internal/manage/record"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Worker is one living Worker, or another wrapped process.
type Worker struct {
	PID       int       `json:"pid"`
	Command   string    `json:"command"` // argv[0]
	Runner    string    `json:"runner"`  // the runner's root, "" where it was started by hand
	Mode      Mode      `json:"mode"`
	Beside    []int     `json:"beside,omitempty"` // PIDs of the Workers that lived when it got a _temp of its own
	Waited    float64   `json:"waitedSeconds,omitempty"`
	Why       string    `json:"why,omitempty"`  // it has none of its own
	Since     time.Time `json:"since"`          // when the process started
	Namespace uint64    `json:"mountNamespace"` // inode number
	Apart     bool      `json:"apart"`          // that is not its parent's
	Temp      string    `json:"perPIDFolder"`   // as the host sees it; "" if it has none
	Files     int64     `json:"files"`
	Bytes     int64     `json:"bytes"`   // on disk
	Partial   bool      `json:"partial"` // Files and Bytes are lower bounds
	Proxy     bool      `json:"dockerProxy"`
	Step      string    `json:"step,omitempty"` // the job that its log names, if that can be read
	UID       int       `json:"uid"`

	start uint64 // field 22 of its stat file
}

// In reports whether its private folder is a runner's, as this process sees that: in another container other folders may have
// the same paths.
func (w *Worker) In(l runner.Layout) bool {
	if !slices.Contains(perpid.Paths(l.Root, l.Temp), filepath.Dir(w.Temp)) {
		return false
	}
	_, err := os.Lstat(w.Temp) // its name has the process's, and nobody else's is like it
	return !errors.Is(err, fs.ErrNotExist)
}

// measured bounds how many entries of a private folder are looked at for its size.
const measured = 200_000

// List returns the Workers that worker-wrap has started and that are alive, the one that started last at the end.
// hidden is how many processes could not be looked into for lack of rights, and so may be one.
func List() (list []Worker, hidden int, err error) {
	all, hidden, err := All()
	for _, w := range all {
		switch {
		case w.Mode.wrapped():
			list = append(list, w)
		case w.Mode == Unknown:
			hidden++
		}
	}
	return list, hidden, err
}

// All returns those too that were started without it, or of which that cannot be told.
func All() (list []Worker, hidden int, err error) { return listIn("/proc") }

func listIn(proc string) (list []Worker, hidden int, err error) {
	l, err := newLooker(proc)
	if err != nil {
		return nil, 0, err
	}
	all, err := procfs.PIDs(proc)
	if err != nil {
		return nil, 0, err
	}
	for _, pid := range all {
		w, err := l.find(pid)
		switch {
		case errors.Is(err, fs.ErrPermission) && w.Mode == "":
			hidden++
		case w.PID != 0:
			list = append(list, w)
		}
	}
	most := pids(proc)
	slices.SortFunc(list, func(a, b Worker) int { return order(a, b, most) })
	return list, hidden, nil
}

// Find returns the wrapped Worker with the given PID.
func Find(pid int) (Worker, error) {
	l, err := newLooker("/proc")
	if err != nil {
		return Worker{}, err
	}
	w, err := l.find(pid)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w, errors.New("there is no such process")
	case err != nil:
		return w, err
	case w.Mode == Unknown:
		return w, fmt.Errorf("whether it is a wrapped Worker cannot be told: %w", fs.ErrPermission)
	case !w.Mode.wrapped():
		return w, errors.New("it is not a wrapped Worker; worker-wrap ps lists those")
	}
	return w, nil
}

// looker looks at processes, and reads each runner's event log once.
type looker struct {
	proc   string
	boot   time.Time
	starts map[string]*record.Starts // by root
}

func newLooker(proc string) (*looker, error) {
	boot, err := procfs.Booted(proc)
	return &looker{proc: proc, boot: boot, starts: map[string]*record.Starts{}}, err
}

// find looks at one process. The Worker's PID is 0 if it is not one.
func (l *looker) find(pid int) (Worker, error) {
	dir := filepath.Join(l.proc, strconv.Itoa(pid))
	env, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return Worker{}, err
	}
	cmdline, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	w := Worker{PID: pid, Command: runner.Started(cmdline)}
	host := environ.Get(environ.Parse(env), perpid.HostTempVar)
	owner, _, ok := perpid.Parse(filepath.Base(host))
	if !ok || !owner.Is(l.proc, pid) {
		if !runner.IsWorker(w.Command) || starting(dir) {
			return Worker{}, err
		}
		peer, perr := perpid.Owner{}.Peer(pid)
		if perr != nil {
			return Worker{}, err
		}
		owner = peer
	} else {
		w.Temp, w.Mode = host, Private
	}
	if runner.IsWorker(w.Command) {
		if layout, err := runner.FromWorkerPath(w.Command); err == nil {
			if is, err := runner.InBin(dir, w.Command, layout.Root); is && err == nil { // and not of another container's
				w.Runner = layout.Root
			}
		}
	}
	l.judge(&w, owner, err != nil)
	if w.Mode == "" {
		return Worker{}, err
	}
	w.start, w.Since = owner.Start, procfs.Since(l.boot, owner.Start)
	var st unix.Stat_t
	if unix.Stat(dir, &st) == nil {
		w.UID = int(st.Uid)
	}
	w.Namespace, _ = nsenter.Inode(filepath.Join(dir, "ns", "mnt"))
	w.Apart = w.Namespace != 0 && l.apart(dir, w.Namespace)
	if w.Temp != "" {
		u := tree.Measure(w.Temp, measured)
		w.Files, w.Bytes, w.Partial = u.Files, u.Bytes, u.Partial
		w.Proxy = hasProxy(w.Temp)
	}
	w.Step = step(dir)
	return w, nil
}

// apart reports whether a process's mount namespace is known to be another than its parent's, the Listener's.
func (l *looker) apart(dir string, own uint64) bool {
	status, _ := procfs.Read(dir)
	above, err := nsenter.Inode(filepath.Join(l.proc, status.Word("PPid"), "ns", "mnt"))
	return err == nil && above != own
}

// hasProxy reports whether something named like a Docker proxy's is kept for the same owner.
func hasProxy(host string) bool {
	match, _ := filepath.Glob(host + ".docker*")
	return len(match) > 0
}
