// Package begun is what does not change while a start goes on, which all its parts look at.
package begun

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/blame"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/journal"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Start is a start that has begun.
type Start struct {
	plan.Plan
	Caller  place.Caller
	Begun   time.Time
	Until   time.Time    // it may look for something missing, see policy.Latest
	Self    perpid.Owner // this process
	Unknown error        // why it does not know itself, nil if it does
	Journal *journal.Journal
}

// New begins one.
func New(p plan.Plan) *Start {
	s := &Start{Plan: p, Caller: place.Caller(os.Getuid()), Begun: time.Now()}
	s.Self, s.Unknown = perpid.Self()
	s.Until = s.Begun.Add(policy.Latest(s.channelTimeout()))
	s.Journal = journal.New(p, s.Self, s.Begun)
	return s
}

// Patience returns how long this start may wait for other Workers, and a warning where the settings ask for too much.
func (s *Start) Patience() (time.Duration, string) {
	return s.Settings.Policy.Patience(s.channelTimeout())
}

func (s *Start) channelTimeout() string { return environ.Get(s.Env, policy.ChannelTimeoutVar) }

// AtMost returns d, or the rest of this start's time if that is less.
func (s *Start) AtMost(d time.Duration) time.Duration { return max(0, min(d, time.Until(s.Until))) }

// MayMount fails before anything is made if this process must not mount.
func (s *Start) MayMount() error {
	if s.Unknown != nil {
		return s.Unknown
	}
	if call := nsenter.Deadly(); call != "" {
		return blame.Deadly(call)
	}
	if !nsenter.HasSysAdmin() {
		return s.Unshare() // the kernel says why not
	}
	return nil
}

// Unshare gives this thread a mount namespace of its own.
func (s *Start) Unshare() error {
	err := nsenter.UnshareMounts()
	if err != nil && s.StartedTwice() {
		return exits.StartsItself(s.Worker.Real)
	}
	if err != nil {
		return blame.Mounts(fmt.Errorf("cannot make a mount namespace: %w", err), "unshare", "user.max_mnt_namespaces")
	}
	return nil
}

// StartedTwice reports whether this process already ran a start: the real Worker is worker-wrap itself.
func (s *Start) StartedTwice() bool {
	owner, _, ok := perpid.Parse(filepath.Base(environ.Get(s.Env, perpid.HostTempVar)))
	return ok && owner == s.Self && s.Worker != nil
}
