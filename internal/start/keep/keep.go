package keep

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/begun"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Start is a start, as the keeper beside its Worker sees it.
type Start struct{ *begun.Start }

// Findable reports whether what this start's job leaves running is to be found (WORKER_WRAP_LEFTOVERS): by the mount
// namespace that the Worker has to itself, and in which every process is that it starts. If that cannot be, the start
// goes on, and the event log says so.
func (s Start) Findable() bool {
	return s.Worker != nil && s.Settings.Leftovers != plan.LeftAlone
}

// OwnView gives this thread a mount namespace in which nothing is mounted but what the host has. It returns nil if none is
// wanted, or can be made.
func (s Start) OwnView() *os.File {
	if !s.Findable() {
		return nil
	}
	err := s.MayMount()
	if err == nil {
		err = s.Unshare()
	}
	if err != nil && s.Settings.Policy.Userns {
		err = fmt.Errorf("%w; and one that is alone is in no user namespace, unless WORKER_WRAP_ISOLATE=always", err)
	}
	if err != nil {
		s.Journal.Unnoted(err)
		return nil
	}
	s.Journal.Stage("namespace")
	return s.view(thisNamespace)
}

// thisNamespace is the mount namespace that a thread is in.
const thisNamespace = "/proc/thread-self/ns/mnt"

// view opens the Worker's mount namespace, if it is to be held. It returns nil if it is not, or cannot be opened, which
// the event log says.
func (s Start) view(path string) *os.File {
	if !s.Findable() {
		return nil
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		s.Journal.Unnoted(&os.PathError{Op: "open", Path: path, Err: err})
		return nil
	}
	return os.NewFile(uintptr(fd), path)
}

// watchOver leaves a keeper that holds only the Worker's namespace, if it is to be held, and the lock on below, unless
// that is nil. below is the folder that the Worker covers. It deletes what the Worker used, which places of the user's
// are not to be left lying about.
func (s Start) watchOver(w early.Worker, below *os.File) {
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
		s.Journal.Unnoted(fmt.Errorf("nothing is left beside the Worker: %w", err))
		return
	}
	s.Note(w, keeper)
}

// WatchChild is watchOver for the child in a user namespace, which is in the mount namespace that its program will have.
// The kernel lets its user look, who has made that user namespace (user_namespaces(7)).
func (s Start) WatchChild(child perpid.Owner, work *os.File) {
	w := early.Worker{Self: child, Begun: s.Begun, Root: s.Root(), Work: work, View: s.view(fmt.Sprintf("/proc/%d/ns/mnt", child.PID))}
	defer place.CloseAll(w.View)
	s.watchOver(w, nil)
}

// Note records which namespace the Worker has.
func (s Start) Note(w early.Worker, keeper int) {
	if w.View == nil {
		return
	}
	if err := s.tryNote(w, keeper); err != nil {
		s.Journal.Unnoted(err)
	}
}

func (s Start) tryNote(w early.Worker, keeper int) error {
	ns, err := nsenter.MountNSAt(untrusted.Through(w.View))
	if err != nil {
		return err
	}
	k, err := s.Self.Peer(keeper)
	if err != nil {
		return fmt.Errorf("the keeper has ended: %w", err)
	}
	diag, err := place.Diag(s.Root())
	if err != nil {
		return err
	}
	defer diag.Close()
	return left.Note(diag, left.Record{
		Worker: w.Self.String(), Begun: w.Begun, Inode: ns.Inode, ID: ns.ID, Keeper: k.String(), End: s.Settings.Leftovers == plan.LeftEnded,
	})
}
