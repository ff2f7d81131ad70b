package shim

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// findable reports whether what this start's job leaves running is to be found (WORKER_WRAP_LEFTOVERS): by the mount
// namespace that the Worker has to itself, and in which every process is that it starts. If that cannot be, the start
// goes on, and the event log says so.
func (s *start) findable() bool {
	if s.Worker == nil || s.Settings.Leftovers == plan.LeftAlone {
		return false
	}
	if s.Settings.Policy.Userns {
		s.journal.unnoted(errors.New("WORKER_WRAP_LEFTOVERS does nothing with WORKER_WRAP_USERNS; take one of them away"))
		return false
	}
	return true
}

// ownView gives this thread a mount namespace in which nothing is mounted but what the host has. It returns nil if none is
// wanted, or can be made.
func (s *start) ownView() *os.File {
	if !s.findable() {
		return nil
	}
	err := s.mayMount()
	if err == nil {
		err = s.unshare()
	}
	if err != nil {
		s.journal.unnoted(err)
		return nil
	}
	s.journal.stage("namespace")
	return s.thisView()
}

// thisView opens the mount namespace that this thread is in.
func (s *start) thisView() *os.File {
	const path = "/proc/thread-self/ns/mnt"
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		s.journal.unnoted(&os.PathError{Op: "open", Path: path, Err: err})
		return nil
	}
	return os.NewFile(uintptr(fd), path)
}

// watchOver leaves a keeper that holds nothing but the Worker's namespace, if it is to be held, and the lock on below, the
// folder that it covers, unless that is nil. It deletes what the Worker used, which places of the user's are not to be
// left lying about.
func (s *start) watchOver(w early.Worker, below *os.File) {
	if w.View == nil && below == nil && len(s.Settings.Private) == 0 {
		return
	}
	var locked []*os.File
	if below != nil {
		locked = append(locked, below)
	}
	var keeper int
	err := nsenter.Outside(func() (err error) { keeper, err = early.Hold(w, locked); return err })
	if err != nil {
		s.journal.unnoted(fmt.Errorf("nothing is left beside the Worker: %w", err))
		return
	}
	s.note(w.View, keeper)
}

// note records which namespace the Worker has.
func (s *start) note(view *os.File, keeper int) {
	if view == nil {
		return
	}
	if err := s.tryNote(view, keeper); err != nil {
		s.journal.unnoted(err)
	}
}

func (s *start) tryNote(view *os.File, keeper int) error {
	ns, err := nsenter.MountNSAt(untrusted.Through(view))
	if err != nil {
		return err
	}
	k, err := s.self.Peer(keeper)
	if err != nil {
		return fmt.Errorf("the keeper has ended: %w", err)
	}
	root, err := openPath(s.Root())
	if err != nil {
		return err
	}
	defer root.Close()
	diag, err := untrusted.Place(root, "_diag")
	if err != nil {
		return err
	}
	defer diag.Close()
	return left.Note(diag, left.Record{
		Worker: s.self.String(), Begun: s.begun, Inode: ns.Inode, ID: ns.ID, Keeper: k.String(), End: s.Settings.Leftovers == plan.LeftEnded,
	})
}
