package install

import (
	"errors"

	"github.com/worker-wrap/worker-wrap/internal/runner"
)

// ErrTakenOut is what [Keeper.Keep] returns where somebody has taken the shim out.
var ErrTakenOut = errors.New("somebody has taken worker-wrap out")

// Keeper keeps the shim in one runner's bin folders while the runner updates itself.
type Keeper struct {
	Layout runner.Layout
	Place  string // the installed binary, see [Machine.Usable]
	Say    func(line string)

	seen map[string]bool // bin folders in which the shim was
}

// Keep does what is to be done now. It returns [ErrTakenOut], and does nothing, where the bin in use had the
// shim at an earlier call and has no part of it any more: no update does that, an uninstall does.
func (k *Keeper) Keep() error {
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
	r.careful = true
	err = r.keep(k.Layout, k.Place, true)
	if s, ierr := Inspect(k.Layout); ierr == nil {
		k.seen = map[string]bool{}
		for _, b := range s.Bins {
			k.seen[b.Dir] = b.Kind() == Installed
		}
	}
	return err
}
