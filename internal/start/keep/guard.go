package keep

import (
	"os"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// Of says for whom a keeper is left.
func (s Start) Of(work *os.File) early.Worker {
	self := s.Self
	if s.Unknown != nil {
		self.PID = os.Getpid()
	}
	return early.Worker{Self: self, Begun: s.Begun, Root: s.Root(), Work: work}
}

// Guard leaves a keeper that lays the private folder again if whoever is in the plain _temp removes that. Without one
// the Worker is as safe as its neighbours' hooks are careful, which is no reason not to start it.
func (s Start) Guard(work, private, below *os.File) {
	w := s.Of(work)
	w.View = s.view(thisNamespace)
	defer place.CloseAll(w.View)
	if s.Settings.Policy.Backing != policy.Dir || s.Settings.Policy.Isolate != policy.Alone && below == nil {
		s.watchOver(w, below)
		return
	}
	unlocked := perpid.Lock(private) // the keeper has the lock, too
	keeper, err := early.Guard(w, private, below)
	if err != nil {
		s.Journal.Debugf("nothing lays %s again if _temp is removed: %v", private.Name(), err)
		return
	}
	s.Note(w, keeper)
	if unlocked == nil {
		unlocked = perpid.Vouch(s.Self, private)
	}
	if unlocked != nil {
		s.Journal.Debugf("nothing tells another container that %s is in use: %v", private.Name(), unlocked)
	}
}
