package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
)

// Places is a start in a runner's own folders, with its settings and the Docker socket that its jobs use. It starts a
// command by hand, which is refused if isolation fails, and no Worker: a job that runs meanwhile notices nothing.
type Places struct {
	Layout runner.Layout
	Binary string   // the installed worker-wrap, or the one that is about to be
	UID    int      // whose process it is
	Env    []string // what the runner's .env sets
}

// Try returns why a start would be refused, in one line that also says what to do, nil if it would not. left is why
// something that the start made is still there.
//
// Where the work folder is not known yet, or is missing and not the runner's own to make, a scratch folder is used.
func (p Places) Try() (refused, left error) {
	if _, err := shim.ParseSettings(p.Env); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(p.Layout.Root, ".env"), err), nil
	}
	_, err := os.Lstat(p.Layout.Work)
	missing := errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(p.Layout.Work, p.Layout.Root+"/")
	if p.Layout.Guessed || missing {
		return p.elsewhere()
	}
	u, err := remember(p.Layout)
	if err != nil {
		return err, nil
	}
	defer u.close()
	refused = isolate(p.Binary, p.UID, p.Layout.Temp, p.Env)
	return refused, u.undo()
}

// elsewhere tries a start over a scratch folder.
func (p Places) elsewhere() (refused, left error) {
	parent, err := scratchParent()
	if err != nil {
		return err, nil
	}
	work, err := os.MkdirTemp(parent, "worker-wrap-trial-")
	if err != nil {
		return err, nil
	}
	if os.Getuid() != p.UID {
		err = os.Lchown(work, p.UID, int(credential(p.UID).Gid))
	}
	if err == nil {
		refused = isolate(p.Binary, p.UID, filepath.Join(work, "_temp"), p.Env)
	}
	return errors.Join(refused, err), os.RemoveAll(work)
}
