package shim

import (
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
)

// sweep removes what dead Workers left, as far as it costs no time, and leaves the rest to a process of
// its own. Nothing here is a reason for a start to fail.
func (r *run) sweep(store *perpid.Store, self perpid.Owner) {
	more, err := store.Tidy(perpid.NewJudge(self, store.Remote()))
	if err != nil {
		r.log.debugf("leftovers in %s: %v", r.Store, err)
		return
	}
	if !more {
		return
	}
	diag := ""
	if r.Root != "" {
		diag = filepath.Join(r.Root, "_diag")
	}
	if err := sweeper.Start(r.Store, diag); err != nil {
		r.log.debugf("leftovers in %s stay: %v", r.Store, err)
		return
	}
	r.log.debugf("leftovers in %s are being swept in the background", r.Store)
}
