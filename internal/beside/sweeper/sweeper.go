// Package sweeper deletes what dead Workers left in a process of its own, so that no start waits for it.
package sweeper

import (
	"path/filepath"
	"sync/atomic"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Command is the hidden subcommand whose process sweeps: Command, store, and the runner's _diag folder, empty if there
// is none.
const Command = "__sweep"

// Start begins a sweep of the store at path and returns as soon as its process runs. It is in the mount
// namespace that the calling process started in, not in one that the calling thread has made.
func Start(store, diag string) error {
	return nsenter.Outside(func() error {
		return detach.Start("worker-wrap", []string{Command, store, diag}, nil)
	})
}

// Run is what that process does.
func Run(store, diag string) error {
	if err := detach.DropPrivilege(); err != nil {
		return err
	}
	detach.Idle()
	self, err := perpid.Self()
	if err != nil {
		return err
	}
	s, err := perpid.Open(store)
	if err != nil {
		return err
	}
	defer s.Close()
	return Leftovers(s, store, diag, self)
}

// Leftovers deletes what dead Workers left in a store, and records it in diag unless that is empty. In the events the
// store has the name given.
func Leftovers(s *perpid.Store, name, diag string, self perpid.Owner) error {
	var count atomic.Int64
	swept, err := s.Sweep(perpid.NewJudge(self, s.Remote()), perpid.Sweep{Deleted: &count})
	if diag != "" {
		record(diag, name, self, swept, count.Load(), err)
	}
	return err
}

// record writes one event for each entry that was swept.
func record(diag, store string, self perpid.Owner, swept perpid.Swept, files int64, err error) {
	e := events.Event{Kind: events.Sweep, PID: self.PID, Files: files, Outcome: events.Removed}
	if err != nil {
		e.Outcome, e.Error = events.Failed, err.Error()
	}
	for _, name := range swept.Deleted {
		e.Dir = filepath.Join(store, name)
		e.Job = process(name)
		_ = events.Append(diag, e)
		e.Files = 0 // counted for all of them together, told with the first
	}
	for _, path := range swept.Kept {
		e.Outcome, e.Dir, e.Job, e.Error = events.Partly, path, process(filepath.Base(path)), swept.Err.Error()
		_ = events.Append(diag, e)
		e.Files = 0
	}
	if err != nil && len(swept.Deleted)+len(swept.Kept) == 0 {
		_ = events.Append(diag, e)
	}
}

func process(name string) events.Process {
	owner, _, _ := perpid.Parse(perpid.Bare(name))
	return events.Process{PID: owner.PID, Start: owner.Start}
}
