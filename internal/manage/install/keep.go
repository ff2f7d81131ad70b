package install

import (
	"errors"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// ErrTakenOut is what [Keeper.Keep] returns where somebody has taken the shim out.
var ErrTakenOut = errors.New("somebody has taken worker-wrap out")

// ErrReplacing is what [Keeper.Keep] returns where Runner.Worker has just vanished from the bin in use: somebody
// who puts another there may be between the two. It is put right at a call that comes [Replacing] later.
var ErrReplacing = errors.New("Runner.Worker is being replaced")

// Replacing is how long the bin in use may be without Runner.Worker before a keeper puts the shim there. cp, tar
// and others remove a file and make it anew: a link in its place meanwhile would make that fail, or be written
// through.
const Replacing = 500 * time.Millisecond

// Keeper keeps the shim in one runner's bin folders while the runner updates itself.
type Keeper struct {
	Layout runner.Layout
	Place  string // the installed binary, see [Machine.Usable]
	Say    func(line string)

	seen    map[string]bool      // bin folders in which the shim was
	without map[string]time.Time // bin folders in use that have no Runner.Worker, and since when that is known
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

// Keep does what is to be done now. It returns [ErrTakenOut], and does nothing, where the bin in use had the
// shim at an earlier call and has no part of it any more: no update does that, an uninstall does. Where it returns
// [ErrReplacing], all else is done.
func (k *Keeper) Keep() error {
	k.Configure()
	s, err := Inspect(k.Layout)
	if err != nil {
		return err
	}
	for _, b := range s.Bins {
		if b.Current && b.Kind() == NotInstalled && k.seen[b.Dir] {
			return ErrTakenOut
		}
	}
	r := newRun(Options{BinOnly: true, Say: k.Say})
	r.keeper = k
	err = r.keep(k.Layout, k.Place, true)
	if s, ierr := Inspect(k.Layout); ierr == nil {
		k.seen = map[string]bool{}
		without := map[string]time.Time{}
		for _, b := range s.Bins {
			k.seen[b.Dir] = b.Kind() == Installed
			if since, ok := k.without[b.Dir]; ok && b.Kind() == Unlinked {
				without[b.Dir] = since
			}
		}
		k.without = without
	}
	if err == nil && len(k.without) > 0 {
		return ErrReplacing
	}
	return err
}

// replacing reports whether a bin folder in use has no Runner.Worker, and that not for long.
func (k *Keeper) replacing(b Bin) bool {
	if !b.Current || b.Kind() != Unlinked {
		return false
	}
	since, ok := k.without[b.Dir]
	if !ok {
		since = time.Now()
		if k.without == nil {
			k.without = map[string]time.Time{}
		}
		k.without[b.Dir] = since
	}
	return time.Since(since) < Replacing
}
