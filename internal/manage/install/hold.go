package install

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/alone"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/presence"
)

// hold leaves a keeper beside each living Worker of a runner that is in the plain _temp without one: it was started before
// worker-wrap was in its place, or by a version that locked nothing. Other starts of this runner look for it in /proc.
// Those in other containers, and of other runners with the same work folder, can see its keeper's lock only.
//
// A watch leaves none: systemd would end it with the watch.
func (r *run) hold(l runner.Layout) error {
	if !r.Hold || r.DryRun || r.keeper != nil {
		return nil
	}
	self, err := perpid.Self()
	if err != nil {
		return err
	}
	locks, err := alone.TakeUnless(alone.Places{Root: l.Root, Work: l.Work, Temp: l.Temp}, alone.Patience, func() error {
		if _, ok, _ := inPlain(l); ok {
			return perpid.ErrClaimed
		}
		return nil
	})
	if errors.Is(err, perpid.ErrClaimed) { // so whoever is there has a keeper
		return nil
	}
	if err != nil {
		return err
	}
	defer locks.Close()
	workers, err := presence.Find(l.Root, self)
	if err != nil {
		return err
	}
	if err := locks.Share(); err != nil {
		return err
	}
	for _, w := range workers {
		if w.Starting || !w.Shares(l.Temp) || len(locks.Files) == 0 {
			continue
		}
		if err := holdOne(w.Owner, l, locks.Files); err != nil {
			return err
		}
	}
	return nil
}

func holdOne(o perpid.Owner, l runner.Layout, locked []*os.File) error {
	work, err := untrusted.At(nil, l.Work, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer work.Close()
	_, err = early.Hold(early.Worker{Self: o, Begun: time.Now(), Work: work}, locked)
	if errors.Is(err, unix.ESRCH) { // it has ended
		return nil
	}
	return err
}
