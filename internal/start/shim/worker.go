package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// worker is a runner's Worker about to be started.
type worker struct {
	bin, real, shim *os.File
	cover           bool
}

// openWorker opens the runner's own Worker and the shim that stands in its place.
func (r *run) openWorker() (*worker, error) {
	w := &worker{}
	var err error
	if w.bin, err = openPath(filepath.Dir(r.Worker)); err != nil {
		return nil, err
	}
	if r.inCircle() {
		w.close()
		return nil, startsItself(r.Worker)
	}
	if err := r.openReal(w); err != nil {
		if errors.Is(err, fs.ErrNotExist) && r.takenOut(w.bin) {
			r.path = r.Worker
			r.log.debugf("the runner's own Worker is back at %s", r.Worker)
			return w, nil
		}
		w.close()
		return nil, noRealWorker(r.Real, err)
	}
	var real, self unix.Stat_t
	if err := unix.Fstat(int(w.real.Fd()), &real); err != nil {
		w.close()
		return nil, &fs.PathError{Op: "stat", Path: r.Real, Err: err}
	}
	entry, script := scripted(w.real)
	if unix.Stat("/proc/self/exe", &self) == nil && sameFile(self, real) || entry {
		w.close()
		return nil, startsItself(r.Real)
	}
	if real.Mode&unix.S_IFMT != unix.S_IFREG {
		w.close()
		return nil, fail(ExitCannot, "%s is not a file; put the runner's own Worker there (worker-wrap doctor says how)", r.Real)
	}
	if w.shim, err = untrusted.At(w.bin, filepath.Base(r.Worker), unix.O_PATH|unix.O_NOFOLLOW); err != nil {
		w.close()
		return nil, err
	}
	// The rule of mine, for a file: in a folder of his own the caller could have put any file of his own. One
	// of another's that he has only a link to would become a file there, which he could not have arranged.
	w.cover = r.mine(w.bin) == nil && (r.mine(w.real) == nil || w.inBin(real))
	switch {
	case w.cover && script && r.behind():
		w.cover = false // another tool's, which would find itself by the name that it starts: see inCircle
		r.path = r.Real
	case w.cover:
		r.path = r.Worker
	default:
		r.path = r.Real
		r.log.debugf("%s or what %s leads to is not yours, so the Worker keeps the name %s", w.bin.Name(), r.Real, filepath.Base(r.Real))
	}
	return w, nil
}

// openReal opens the runner's own Worker where it is kept.
func (r *run) openReal(w *worker) (err error) {
	for _, name := range runner.KeptNames(r.Worker) {
		if w.real, err = untrusted.At(w.bin, name, unix.O_PATH); !errors.Is(err, fs.ErrNotExist) {
			r.Real = filepath.Join(filepath.Dir(r.Worker), name)
			return err
		}
	}
	return err
}

// scripted reports whether what is open is a script, and the one that has the kernel start worker-wrap.
func scripted(f *os.File) (entry, script bool) {
	head, err := untrusted.Head(untrusted.Through(f), runner.EntrySize)
	if err != nil {
		return false, false // who may not read a Worker may start it
	}
	_, entry = runner.ParseEntry(head)
	return entry, strings.HasPrefix(string(head), "#!")
}

// startsItself is what to say where the runner's own Worker is worker-wrap by a script or a link, or a copy of it.
func startsItself(path string) error {
	return fmt.Errorf("%s is worker-wrap itself, which would start itself for ever; put the runner's own Worker there (worker-wrap doctor says how)", path)
}

// again reports whether this process has been a Worker's start before, and became worker-wrap once more in place of
// the runner's own Worker.
func (r *run) again() bool {
	owner, _, ok := perpid.Parse(filepath.Base(r.getenv(perpid.HostTempVar)))
	return ok && owner == r.self && r.Worker != ""
}

// behind reports whether another tool, which has moved the entry, starts worker-wrap.
func (r *run) behind() bool { return filepath.Base(r.Worker) == runner.RealWorkerName }

// inCircle reports whether another tool starts worker-wrap as the runner's own Worker, and was itself started by
// worker-wrap as that. In either order of the two that cannot be; with what one of them kept overwritten it would go
// on for ever.
func (r *run) inCircle() bool {
	host := r.getenv(perpid.HostTempVar)
	return r.behind() && host != "" && (host == r.Temp || filepath.Dir(host) == r.Store)
}

func sameFile(a, b unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// takenOut reports whether an uninstall has put the runner's own Worker back since this process was started.
func (r *run) takenOut(bin *os.File) bool {
	var st, self unix.Stat_t
	f, err := untrusted.At(bin, filepath.Base(r.Worker), unix.O_PATH)
	if err != nil {
		return false
	}
	defer f.Close()
	if entry, _ := scripted(f); entry {
		return false
	}
	return unix.Fstat(int(f.Fd()), &st) == nil && unix.Stat("/proc/self/exe", &self) == nil &&
		st.Mode&unix.S_IFMT == unix.S_IFREG && !sameFile(st, self)
}

// inBin reports whether the real Worker is in bin itself, and not where a link leads.
func (w *worker) inBin(real unix.Stat_t) bool {
	var st unix.Stat_t
	err := unix.Fstatat(int(w.bin.Fd()), filepath.Base(w.real.Name()), &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && sameFile(st, real)
}

// bind lays the real Worker over the shim, so that /proc/PID/exe and the name of the process are what
// they are without the shim. A symbolic link to it is covered itself.
func (w *worker) bind() []mounts.Mount {
	if !w.cover {
		return nil
	}
	return []mounts.Mount{{Source: w.real, Target: w.shim, Parent: w.bin}}
}

func (w *worker) close() { closeAll(w.bin, w.real, w.shim) }
