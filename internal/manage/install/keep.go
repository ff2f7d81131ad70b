package install

import (
	"errors"
	"fmt"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
)

// ErrTakenOut is what [Keeper.Keep] returns where somebody has taken the shim out.
var ErrTakenOut = errors.New("somebody has taken worker-wrap out")

// ErrReplacing is what [Keeper.Keep] returns where Runner.Worker has just vanished from the bin in use, or is none that
// is known: somebody who puts another there may be between the two, or still writing. It is put right at a call that
// comes [Replacing] later.
var ErrReplacing = errors.New("Runner.Worker is being replaced")

// Replacing is how long the bin in use may be without Runner.Worker before a keeper puts the shim there. cp, tar
// and others remove a file and make it anew: a link in its place meanwhile would make that fail, or be written
// through.
const Replacing = 500 * time.Millisecond

// Keeper keeps the shim in one runner's bin folders while the runner updates itself.
type Keeper struct {
	Layout runner.Layout
	Place  string // the installed binary, see [machine.Machine.Usable]
	Say    func(line string)

	kept    map[string]entry.File // what the shim started, in the bin folder in use
	between map[string]between    // bin folders in use whose Runner.Worker may be about to be replaced
	now     func() time.Time      // of tests; nil is the clock
}

// between is what is known of a Runner.Worker that is missing, or perhaps not whole.
type between struct {
	changed int64
	since   time.Time
}

// Configure looks whether a runner that was an unpacked release has been configured since, as run.sh --jitconfig does:
// then its .runner tells the layout.
func (k *Keeper) Configure() {
	if !k.Layout.Guessed {
		return
	}
	if l, err := runner.FromRoot(k.Layout.Root); err == nil {
		k.Layout = l
	}
}

// Keep does the steps that are due now. It returns [ErrTakenOut], and does nothing, if an uninstall was at work: the bin
// in use had the shim at an earlier call, and of that only the file is there that was kept. A copy of a release that
// deletes all else (rsync --delete) brings another file. If it returns [ErrReplacing], all else is done.
func (k *Keeper) Keep() error {
	k.Configure()
	s, err := entry.Inspect(k.Layout)
	if err != nil {
		return err
	}
	for _, b := range s.Bins {
		if !k.replacing(b) && b.Current && k.takenOut(b) {
			return ErrTakenOut
		}
	}
	r := newRun(Options{BinOnly: true, Say: k.Say})
	r.keeper = k
	err = r.keep(k.Layout, k.Place, true)
	if s, ierr := entry.Inspect(k.Layout); ierr == nil {
		kept := map[string]entry.File{}
		still := map[string]between{}
		for _, b := range s.Bins {
			is, ok := k.between[b.Dir]
			if ok && k.mayChange(b) {
				still[b.Dir] = is
			}
			was, had := k.kept[b.Dir]
			switch kind := b.Kind(); {
			case !b.Current: // an update that is tried again has had it taken out, see [entry.State.Wrap]
			case kind == entry.Installed, kind == entry.Behind:
				kept[b.Dir] = b.KeptFile()
			case had:
				kept[b.Dir] = was
			}
		}
		k.kept, k.between = kept, still
	}
	switch {
	case err == nil && len(k.between) > 0:
		return ErrReplacing
	case errors.Is(err, errNotAllowed):
		return fmt.Errorf("%w: sudo worker-wrap install%s", err, roots([]runner.Layout{k.Layout}))
	}
	return err
}

// takenOut reports whether a bin folder had the shim, and has no part of it any more, but the file that was kept.
func (k *Keeper) takenOut(b entry.Bin) bool {
	return b.Kind() == entry.NotInstalled && b.Has(k.kept[b.Dir])
}

// replacing reports whether the Runner.Worker of a bin folder in use is missing or may be half written, and that not
// for long.
func (k *Keeper) replacing(b entry.Bin) bool {
	if !k.mayChange(b) {
		return false
	}
	is, ok := k.between[b.Dir]
	if !ok || is.changed != b.Changed {
		is = between{b.Changed, k.time()}
		if k.between == nil {
			k.between = map[string]between{}
		}
		k.between[b.Dir] = is
	}
	return k.time().Sub(is.since) < Replacing
}

func (k *Keeper) time() time.Time {
	if k.now != nil {
		return k.now()
	}
	return time.Now()
}

// mayChange reports whether somebody may just be replacing the Runner.Worker of a bin folder in use: it is missing, or
// it has replaced the shim and is not, or not yet, the runner's own for sure, or no program yet.
func (k *Keeper) mayChange(b entry.Bin) bool {
	_, had := k.kept[b.Dir]
	switch b.Kind() {
	case entry.Unlinked:
		return b.Current
	case entry.Covered, entry.Unclear, entry.NotInstalled:
		return b.Current && (b.Kept == entry.Own || b.Real == entry.Own || had && !k.takenOut(b))
	case entry.Replaced:
		return b.Current && b.Lifeless
	}
	return false
}
