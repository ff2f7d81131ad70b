// Package watch keeps the shim in place while runners update themselves: it is woken by inotify(7) when
// something changes where an update works, and lets package install look.
//
// It holds nothing of a job's: it opens only folders, and none in which jobs work.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/install"
)

// Options say what to watch.
type Options struct {
	Layouts []runner.Layout
	Place   string // the installed binary, see [machine.Machine.Usable]
	// UntilQuiet, if it is not 0, ends the watch when nothing has changed for so long.
	UntilQuiet time.Duration
	// Say is given what is watched, and what was done; Warn what could not be done, and is Say if it is nil.
	Say, Warn func(line string)
}

const (
	// settle is how long changes are gathered before they are looked at: an update makes several at once.
	settle = 20 * time.Millisecond
	// again is when something is looked at without a change: after a failure, and for what inotify cannot
	// tell, such as a change made by another machine.
	again = 30 * time.Second
	// poll is again if changes cannot be watched.
	poll = time.Second
)

// ErrTold says that a runner could not be put right, of which [Options].Warn has been told.
var ErrTold = errors.New("not put right")

// Run watches until ctx is done, every runner is gone, or it has been quiet. Then it returns nil, or [ErrTold] if a runner
// could not be put right at the last look. Nobody looks again, so that must not seem well.
func Run(ctx context.Context, o Options) error {
	w := &watcher{Options: o}
	if w.Warn == nil {
		w.Warn = w.Say
	}
	var err error
	if w.notify, err = fsnotify.NewWatcher(); err != nil {
		w.blindly(err)
	} else {
		defer w.notify.Close()
	}
	for _, l := range o.Layouts {
		w.watched = append(w.watched, &watched{keeper: install.Keeper{Layout: l, Place: o.Place, Say: o.Say}})
	}
	return w.run(ctx)
}

type watcher struct {
	Options
	notify  *fsnotify.Watcher // nil if there can be none
	blind   bool              // something cannot be watched
	soon    bool              // something is to be looked at again when it has had its time
	watched []*watched
}

// watched is one runner.
type watched struct {
	keeper install.Keeper
	bin    string // the folder in use, links resolved
	failed error  // what was wrong at the last look; it is not said twice
}

func (w *watcher) run(ctx context.Context) error {
	w.look()
	for _, r := range w.watched {
		w.Say("watching " + r.keeper.Layout.Root)
	}
	var quiet <-chan time.Time
	quieten := func() {
		if w.UntilQuiet > 0 {
			quiet = time.After(w.UntilQuiet)
		}
	}
	quieten()
	var gathered <-chan time.Time
	changed := func(path string) bool {
		if !w.matters(path) {
			return false
		}
		quieten()
		if gathered == nil {
			gathered = time.After(settle)
		}
		return true
	}
	events, failures := w.channels()
	for len(w.watched) > 0 {
		interval := again
		if w.blind {
			interval = poll
		}
		if w.soon {
			interval = install.Replacing
		}
		select {
		case <-ctx.Done():
			return nil
		case <-quiet:
			select { // of two that are ready one is chosen at random
			case e, ok := <-events:
				if !ok || !changed(e.Name) {
					return w.failed()
				}
			default:
				return w.failed()
			}
		case e, ok := <-events:
			if !ok {
				return nil
			}
			changed(e.Name)
		case err := <-failures:
			if !errors.Is(err, fsnotify.ErrEventOverflow) {
				return err
			}
			gathered = time.After(settle)
		case <-gathered:
			gathered = nil
			w.look()
		case <-time.After(interval):
			w.look()
		}
	}
	return nil
}

// failed is what is wrong since the last look.
func (w *watcher) failed() error {
	for _, r := range w.watched {
		if r.failed != nil {
			return fmt.Errorf("%s: %w: %w", r.keeper.Layout.Root, ErrTold, r.failed)
		}
	}
	return nil
}

// matters reports whether a change of path can be an update's, or undo the install. Runners also write
// their settings in these folders.
func (w *watcher) matters(path string) bool {
	dir, name := filepath.Dir(path), filepath.Base(path)
	for _, r := range w.watched {
		l := r.keeper.Layout
		switch {
		case path == l.Root, path == l.Work, path == r.bin:
			return true
		case dir == l.Root && name == runner.ConfigName && l.Guessed:
			return true
		case dir == l.Root && (name == "bin" || strings.HasPrefix(name, "bin.") || name == "update.finished" || name == filepath.Base(l.Work)):
			return true
		case dir == l.Work && (name == runner.UpdateFolder || name == runner.UpdateScript):
			return true
		case dir == r.bin && strings.Contains(name, runner.WorkerName):
			return true
		}
	}
	return false
}

// look has each runner put right, and watches the folders that it has now.
func (w *watcher) look() {
	var stay []*watched
	w.soon = false
	for _, r := range w.watched {
		if w.one(r) {
			stay = append(stay, r)
		}
	}
	w.watched = stay
}

// one puts one runner right, and reports whether it is to be watched further.
func (w *watcher) one(r *watched) bool {
	r.keeper.Configure()
	l := r.keeper.Layout
	if _, err := os.Stat(l.Root); errors.Is(err, fs.ErrNotExist) {
		w.Say(l.Root + " is gone: watched no longer")
		return false
	}
	// Before the look, so that no change after it is missed.
	w.follow(l.Root)
	w.follow(l.Work)
	if bin, err := filepath.EvalSymlinks(l.Bin()); err == nil {
		if r.bin != bin && r.bin != "" && w.notify != nil {
			_ = w.notify.Remove(r.bin)
		}
		r.bin = bin
		w.follow(bin)
	}
	err := r.keeper.Keep()
	failed := error(nil)
	switch {
	case errors.Is(err, install.ErrTakenOut):
		w.Warn(l.Root + ": " + err.Error() + ": watched no longer")
		return false
	case errors.Is(err, install.ErrReplacing):
		w.soon = true
	case errors.As(err, new(*entry.NoBinError)), err == nil:
	default:
		failed = err
	}
	if failed != nil && (r.failed == nil || failed.Error() != r.failed.Error()) {
		w.Warn(failed.Error())
	}
	r.failed = failed
	return true
}

// channels are where inotify tells of changes; both are nil, and never ready, without it.
func (w *watcher) channels() (<-chan fsnotify.Event, <-chan error) {
	if w.notify == nil {
		return nil, nil
	}
	return w.notify.Events, w.notify.Errors
}

// follow watches a folder, which may be missing; watching it twice is one watch.
func (w *watcher) follow(dir string) {
	if w.notify == nil {
		return
	}
	if err := w.notify.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.blindly(err)
	}
}

// blindly says once that changes are looked for without inotify.
func (w *watcher) blindly(err error) {
	if !w.blind {
		w.Warn(fmt.Sprintf("changes cannot be watched, so they are looked for every %s: %v; the limits fs.inotify.max_user_instances and max_user_watches (sysctl) may be too low", poll, err))
	}
	w.blind = true
}
