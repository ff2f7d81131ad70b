package entry

import (
	"errors"
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
	"github.com/worker-wrap/worker-wrap/internal/start/begun"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// Worker has the open files of a runner's Worker that is about to be started. Real is nil if an uninstall has put that
// back in the entry's place.
type Worker struct {
	bin, Real, entry *os.File
	covers           bool   // the real Worker is to be laid over the entry
	Path             string // the one to start it by
	kept             string // the real Worker's own
}

// Close closes its files.
func (w Worker) Close() { place.CloseAll(w.bin, w.Real, w.entry) }

// Named returns the path by which a real Worker that is laid over nothing is started: a link with the runner's name for
// it, if an install has made one, else its own.
func (w Worker) Named() string {
	var st, linked unix.Stat_t
	path := filepath.Join(filepath.Dir(w.kept), runner.AloneName)
	if w.Real != nil && unix.Fstat(int(w.Real.Fd()), &st) == nil && unix.Stat(path, &linked) == nil && place.SameInode(st, linked) {
		return path
	}
	return w.kept
}

// Kept returns the path of a real Worker that is laid over the entry, else "".
func (w Worker) Kept() string {
	if !w.covers {
		return ""
	}
	return w.kept
}

// Bind lays the real Worker over the entry, so that /proc/PID/exe and the name of the process are what they are without
// worker-wrap. A symbolic link to it is covered itself.
func (w Worker) Bind() []mounts.Mount {
	if !w.covers {
		return nil
	}
	return []mounts.Mount{{Source: w.Real, Target: w.entry, Parent: w.bin}}
}

// Start is the start of a Worker, as the entry looks at it.
type Start struct{ *begun.Start }

// Open opens the real Worker and the entry that stands in its place.
func Open(s Start) (Worker, error) {
	w := Worker{Path: s.Worker.Entry}
	err := s.fill(&w)
	if err != nil {
		w.Close()
	}
	return w, err
}

func (s Start) fill(w *Worker) (err error) {
	if w.bin, err = place.Open(filepath.Dir(s.Worker.Entry)); err != nil {
		return err
	}
	if s.inCircle() {
		return exits.StartsItself(s.Worker.Entry)
	}
	if err := w.openReal(s.Worker.Entry); err != nil {
		if errors.Is(err, fs.ErrNotExist) && w.restored(s.Worker.Entry) {
			s.Journal.Debugf("the runner's own Worker is back at %s", s.Worker.Entry)
			return nil
		}
		return exits.NoRealWorker(w.kept, err)
	}
	var real unix.Stat_t
	if err := unix.Fstat(int(w.Real.Fd()), &real); err != nil {
		return &fs.PathError{Op: "stat", Path: w.kept, Err: err}
	}
	entry, script := scripted(w.Real)
	if entry || w.running(real) {
		return exits.StartsItself(w.kept)
	}
	if real.Mode&unix.S_IFMT != unix.S_IFREG {
		return exits.Fail(exits.Cannot, "%s is not a file; put the runner's own Worker there (worker-wrap doctor says how)", w.kept)
	}
	if w.entry, err = untrusted.At(w.bin, filepath.Base(s.Worker.Entry), unix.O_PATH|unix.O_NOFOLLOW); err != nil {
		return err
	}
	// The rule of ownership, for a file: the entry is covered only if the caller owns the folder, and either owns the
	// real Worker or it lies in that folder. A link to someone else's file must never become that file.
	w.covers = s.Caller.MustOwn(w.bin) == nil && (s.Caller.MustOwn(w.Real) == nil || w.inBin(real))
	if w.covers && script && s.Worker.MovedByOther() {
		w.covers, w.Path = false, w.kept // another tool's, which would find itself by the name that it starts: see inCircle
	} else if !w.covers {
		w.Path = w.kept
		s.Journal.Debugf("%s or what %s leads to is not yours, so the Worker keeps the name %s", w.bin.Name(), w.kept, filepath.Base(w.kept))
	}
	return nil
}

// Itself says so if the real Worker is the program that runs this start: a copy of worker-wrap too, once the first start
// has become that.
func (s Start) Itself() error {
	var w Worker
	var real unix.Stat_t
	defer func() { w.Close() }()
	var err error
	if w.bin, err = place.Open(filepath.Dir(s.Worker.Entry)); err == nil {
		err = w.openReal(s.Worker.Entry)
	}
	if err == nil {
		err = unix.Fstat(int(w.Real.Fd()), &real)
	}
	if err == nil && w.running(real) {
		return exits.StartsItself(w.kept)
	}
	return nil // whatever is wrong is found later
}

// running reports whether a file is what this process runs.
func (Worker) running(real unix.Stat_t) bool {
	var self unix.Stat_t
	return unix.Stat("/proc/self/exe", &self) == nil && place.SameInode(self, real)
}

// openReal opens the real Worker where it is kept.
func (w *Worker) openReal(entry string) (err error) {
	for _, name := range runner.KeptNames(entry) {
		w.kept = filepath.Join(filepath.Dir(entry), name)
		if w.Real, err = untrusted.At(w.bin, name, unix.O_PATH); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// restored reports whether an uninstall has put the real Worker back since this process was started.
func (w *Worker) restored(entry string) bool {
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
		st.Mode&unix.S_IFMT == unix.S_IFREG && !place.SameInode(st, self)
}

// inBin reports whether the real Worker is in bin itself, and not behind a link.
func (w *Worker) inBin(real unix.Stat_t) bool {
	var st unix.Stat_t
	err := unix.Fstatat(int(w.bin.Fd()), filepath.Base(w.Real.Name()), &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && place.SameInode(st, real)
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

// inCircle reports whether another tool starts worker-wrap as the runner's own Worker, and was itself started by
// worker-wrap as that. In either order of the two that cannot be; with what one of them kept overwritten it would go
// on for ever.
func (s Start) inCircle() bool {
	host := environ.Get(s.Env, perpid.HostTempVar)
	return s.Worker.MovedByOther() && host != "" && (host == s.Temp || slices.Contains(perpid.Paths(s.Root(), s.Temp), filepath.Dir(host)))
}
