package entry

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// Named says what [runner.AloneName] is in a bin folder.
type Named int

// The values of Named.
const (
	NoName    Named = iota
	RightName       // the link that an install makes
	WrongName       // something else, in our folder: what a copy that follows links makes of it
	NotOurs         // the folder's name is a file or a link: somebody else's
)

// namedTarget is where the link leads. It is relative, so that it still does in a copy of the folder.
const namedTarget = "../" + runner.KeptWorkerName

func namedAt(dir string) Named {
	st, err := os.Lstat(filepath.Join(dir, runner.AloneFolder))
	switch {
	case err != nil:
		return NoName
	case !st.IsDir():
		return NotOurs
	}
	path := filepath.Join(dir, runner.AloneName)
	if to, err := os.Readlink(path); err == nil && to == namedTarget {
		return RightName
	}
	if _, err := os.Lstat(path); err != nil {
		return NoName
	}
	return WrongName
}

// isScript reports whether a file begins with #!. What it runs is told the path by which it was started, and may look
// beside that for what belongs to it: so a script keeps its place.
func isScript(path string) bool {
	head, err := untrusted.Head(path, len("#!"))
	return err == nil && string(head) == "#!"
}

// name plans the link by which a Worker that is alone keeps its name.
func (p *planner) name() {
	script := p.RealScript
	switch {
	case p.Worker == Own:
		script = p.WorkerScript
	case p.Kept == Own:
		script = p.KeptScript
	}
	switch {
	case script:
		p.unname()
	case p.Named == NoName, p.Named == WrongName:
		p.add("make "+runner.AloneName+", by which a Worker that is alone keeps its name", makeName)
	}
}

// unname plans what removes it. A start that is just about to use it goes on without.
func (p *planner) unname() {
	if p.Named != RightName && p.Named != WrongName {
		return
	}
	p.add("remove "+runner.AloneName, func(r *os.Root) error {
		if err := r.Remove(runner.AloneName); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_ = r.Remove(runner.AloneFolder) // unless somebody has put something else there
		return nil
	})
}

// makeName makes the link. All of it is the folder's owner's, so that the runner can delete an old version. Nothing is
// lost if a file system has no links.
func makeName(r *os.Root) error {
	dir, err := r.Stat(".")
	if err != nil {
		return err
	}
	uid, gid := disk.Owner(dir)
	give := os.Geteuid() == 0
	if err := r.Mkdir(runner.AloneFolder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	} else if err == nil && give {
		if err := r.Lchown(runner.AloneFolder, uid, gid); err != nil {
			return err
		}
	}
	fresh := runner.AloneName + ".new"
	if err := r.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := r.Symlink(namedTarget, fresh); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) {
		_ = r.Remove(runner.AloneFolder)
		return nil
	} else if err != nil {
		return err
	}
	if give {
		if err := r.Lchown(fresh, uid, gid); err != nil {
			return err
		}
	}
	return r.Rename(fresh, runner.AloneName)
}
