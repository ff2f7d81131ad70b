package shim

import "github.com/worker-wrap/worker-wrap/internal/perpid"

// sweep removes what dead Workers left, as far as it costs no time, and leaves the rest to a process of
// its own. Nothing here is a reason for a start to fail.
func (r *run) sweep(store *perpid.Store, self perpid.Owner) {
	more, err := store.Tidy(perpid.NewJudge(self, store.Remote()))
	if err != nil {
		r.log.debugf("leftovers in %s: %v", r.Store, err)
		return
	}
	if more {
		r.log.debugf("leftovers in %s: sweeping in the background", r.Store)
	}
}
