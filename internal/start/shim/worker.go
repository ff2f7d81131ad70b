package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// worker is what is open of a runner's Worker that is about to be started. real is nil if an uninstall has put that back
// in the entry's place.
type worker struct {
	bin, real, entry *os.File
	covers           bool   // the real Worker is to be laid over the entry
	path             string // the one to start it by
	kept             string // the real Worker's own
}

func (w worker) close() { closeAll(w.bin, w.real, w.entry) }

// named returns the path by which a real Worker that is laid over nothing is started: that of a link with the runner's
// name for it, if an install has made one, else its own.
func (w worker) named() string {
	var st, linked unix.Stat_t
	path := filepath.Join(filepath.Dir(w.kept), runner.AloneName)
	if w.real != nil && unix.Fstat(int(w.real.Fd()), &st) == nil && unix.Stat(path, &linked) == nil && sameInode(st, linked) {
		return path
	}
	return w.kept
}

// bind lays the real Worker over the entry, so that /proc/PID/exe and the name of the process are what they are without
// worker-wrap. A symbolic link to it is covered itself.
func (w worker) bind() []mounts.Mount {
	if !w.covers {
		return nil
	}
	return []mounts.Mount{{Source: w.real, Target: w.entry, Parent: w.bin}}
}

// openWorker opens the real Worker and the entry that stands in its place.
func (s *start) openWorker(names *plan.Worker) (worker, error) {
	w := worker{path: names.Entry}
	err := s.fillWorker(&w, names)
	if err != nil {
		w.close()
	}
	return w, err
}

func (s *start) fillWorker(w *worker, names *plan.Worker) (err error) {
	if w.bin, err = openPath(filepath.Dir(names.Entry)); err != nil {
		return err
	}
	if s.inCircle() {
		return startsItself(names.Entry)
	}
	if err := w.openReal(names.Entry); err != nil {
		if errors.Is(err, fs.ErrNotExist) && w.restored(names.Entry) {
			s.journal.debugf("the runner's own Worker is back at %s", names.Entry)
			return nil
		}
		return noRealWorker(w.kept, err)
	}
	var real, self unix.Stat_t
	if err := unix.Fstat(int(w.real.Fd()), &real); err != nil {
		return &fs.PathError{Op: "stat", Path: w.kept, Err: err}
	}
	entry, script := scripted(w.real)
	if unix.Stat("/proc/self/exe", &self) == nil && sameInode(self, real) || entry {
		return startsItself(w.kept)
	}
	if real.Mode&unix.S_IFMT != unix.S_IFREG {
		return fail(ExitCannot, "%s is not a file; put the runner's own Worker there (worker-wrap doctor says how)", w.kept)
	}
	if w.entry, err = untrusted.At(w.bin, filepath.Base(names.Entry), unix.O_PATH|unix.O_NOFOLLOW); err != nil {
		return err
	}
	// The rule of ownership, for a file: the entry is covered only if the caller owns the folder, and either owns the
	// real Worker or it lies in that folder. A link to someone else's file must never become that file.
	w.covers = s.caller.mustOwn(w.bin) == nil && (s.caller.mustOwn(w.real) == nil || w.inBin(real))
	if w.covers && script && names.MovedByOther() {
		w.covers, w.path = false, w.kept // another tool's, which would find itself by the name that it starts: see inCircle
	} else if !w.covers {
		w.path = w.kept
		s.journal.debugf("%s or what %s leads to is not yours, so the Worker keeps the name %s", w.bin.Name(), w.kept, filepath.Base(w.kept))
	}
	return nil
}

// openReal opens the real Worker where it is kept.
func (w *worker) openReal(entry string) (err error) {
	for _, name := range runner.KeptNames(entry) {
		w.kept = filepath.Join(filepath.Dir(entry), name)
		if w.real, err = untrusted.At(w.bin, name, unix.O_PATH); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// restored reports whether an uninstall has put the real Worker back since this process was started.
func (w *worker) restored(entry string) bool {
	var st, self unix.Stat_t
	f, err := untrusted.At(w.bin, filepath.Base(entry), unix.O_PATH)
	if err != nil {
		return false
	}
	defer f.Close()
	if entry, _ := scripted(f); entry {
		return false
	}
	return unix.Fstat(int(f.Fd()), &st) == nil && unix.Stat("/proc/self/exe", &self) == nil &&
		st.Mode&unix.S_IFMT == unix.S_IFREG && !sameInode(st, self)
}

// inBin reports whether the real Worker is in bin itself, and not where a link leads.
func (w *worker) inBin(real unix.Stat_t) bool {
	var st unix.Stat_t
	err := unix.Fstatat(int(w.bin.Fd()), filepath.Base(w.real.Name()), &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && sameInode(st, real)
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

// startsItself is what to say if the real Worker is worker-wrap by a script or a link, or a copy of it.
func startsItself(path string) error {
	return fmt.Errorf("%s is worker-wrap itself, which would start itself for ever; put the runner's own Worker there (worker-wrap doctor says how)", path)
}

// startedTwice reports whether this process already ran a start: the real Worker is worker-wrap itself.
func (s *start) startedTwice() bool {
	owner, _, ok := perpid.Parse(filepath.Base(environ.Get(s.Env, perpid.HostTempVar)))
	return ok && owner == s.self && s.Worker != nil
}

// inCircle reports whether another tool starts worker-wrap as the runner's own Worker, and was itself started by
// worker-wrap as that. In either order of the two that cannot be; with what one of them kept overwritten it would go
// on for ever.
func (s *start) inCircle() bool {
	host := environ.Get(s.Env, perpid.HostTempVar)
	return s.Worker.MovedByOther() && host != "" && (host == s.Temp || slices.Contains(perpid.Paths(s.Root(), s.Temp), filepath.Dir(host)))
}
