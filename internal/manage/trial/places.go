package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// Places is a start in a runner's own folders, with its settings and the Docker socket that its jobs use. It starts a
// command by hand, which is refused if isolation fails, and no Worker: a job that runs meanwhile notices nothing.
type Places struct {
	Layout runner.Layout
	Binary string   // the installed worker-wrap, or the one that is about to be
	UID    int      // whose process it is
	Env    []string // what the runner's settings say, and its .env
	In     Unit     // what systemd is to keep it from; of no name if that is nothing
}

// Tried is what came of a start.
type Tried struct {
	Refused error  // why it would be refused, in one line that also says what to do; nil if it would not
	Left    error  // why something that it made is still there
	Said    string // what it has warned of, though it went well; one line or more
	Scratch bool   // it was tried over a scratch folder, and not as systemd starts the unit
	pids    []int  // its own, and that of the program
}

// Try starts it. If the work folder is not known yet, or is missing and not the runner's own to make, a scratch folder
// is used.
func (p Places) Try() Tried {
	chosen, err := plan.ParseSettings(p.Env)
	switch {
	case err != nil:
		return Tried{Refused: fmt.Errorf("the runner's settings: %w", err)}
	case p.nowhere():
		return p.elsewhere(chosen.Policy)
	case p.In.Name != "":
		return p.tryIn()
	}
	u, err := remember(p.Layout)
	if err != nil {
		return Tried{Refused: err}
	}
	defer u.close()
	t := p.start(p.Layout.Temp, chosen.Policy)
	u.owners = t.pids
	t.Left = u.patiently()
	return t
}

// nowhere reports whether there is no work folder, and none that the runner's user could make.
func (p Places) nowhere() bool {
	_, err := os.Lstat(p.Layout.Work)
	missing := errors.Is(err, fs.ErrNotExist) && !paths.In(p.Layout.Work, p.Layout.Root)
	return p.Layout.Guessed || missing
}

// elsewhere tries a start over a scratch folder.
func (p Places) elsewhere(chosen policy.Settings) (t Tried) {
	work, err := os.MkdirTemp("", "worker-wrap-trial-")
	if err != nil {
		return Tried{Refused: err, Scratch: true}
	}
	if os.Getuid() != p.UID {
		err = os.Lchown(work, p.UID, int(credential(p.UID).Gid))
	}
	if err == nil {
		t = p.start(filepath.Join(work, "_temp"), chosen)
	}
	t.Scratch = true
	t.Refused = errors.Join(t.Refused, err)
	for deadline := time.Now().Add(proxysEnd); ; time.Sleep(proxysStep) {
		if t.Left = os.RemoveAll(work); t.Left == nil || time.Now().After(deadline) {
			return t
		}
	}
}
