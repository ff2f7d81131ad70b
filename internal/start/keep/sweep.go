package keep

import (
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// SweepAll is Sweep for each store there is.
func (s Start) SweepAll(p place.Places) {
	dirs := []*os.File{p.Home, p.Work}
	if p.Home == p.Work {
		dirs = dirs[1:]
	}
	for _, dir := range dirs {
		if store, err := perpid.OpenIn(dir); err == nil {
			s.Sweep(store, filepath.Join(dir.Name(), perpid.StoreName))
			store.Close()
		}
	}
}

// Sweep removes what dead Workers left, as far as it costs no time, and leaves the rest to a process of
// its own. Whom it finds alive is an overlap, also for a start that had no reason to look (WORKER_WRAP_ISOLATE=always).
// Nothing here is a reason for a start to fail.
func (s Start) Sweep(store *perpid.Store, path string) {
	living, more, err := store.Tidy(perpid.NewJudge(s.Self, store.Remote()))
	if err != nil {
		s.Journal.Debugf("leftovers in %s: %v", path, err)
		return
	}
	for _, o := range living {
		if o.Start < s.Self.Start || o.Start == s.Self.Start && o.PID < s.Self.PID { // of two one meets the other
			s.Journal.Beside(o.PID)
		}
	}
	if !more {
		return
	}
	if err := sweeper.Start(path, s.Diag()); err != nil {
		s.Journal.Debugf("leftovers in %s stay: %v", path, err)
		return
	}
	s.Journal.Debugf("leftovers in %s are being swept in the background", path)
}
