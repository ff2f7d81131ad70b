package left

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Held is a dead Worker's job whose namespace the caller holds open: its keeper.
type Held struct {
	finder *finder
	job    *job
	root   string
}

// Hold returns the job of a dead Worker, nil if there is no record of it, or the link view leads to no mount namespace.
// The record is in diag, the open _diag of the runner in root. It notes when the Worker ended.
func Hold(root string, diag *os.File, worker perpid.Owner, view string, ended time.Time) (*Held, error) {
	ns, err := nsenter.MountNSAt(view)
	if err != nil {
		return nil, nil // nobody wanted to know
	}
	j := read(diag, Prefix+worker.String())
	if j == nil || !j.is(ns) {
		return nil, nil
	}
	f, err := newFinder("/proc")
	if err != nil {
		return nil, err
	}
	return &Held{f, j, root}, j.noteEnd(ended)
}

// find looks for what the job has left by now.
func (h *Held) find() (list, hidden []Process, err error) {
	f := &found{job: h.job, root: h.root, held: true}
	h.finder.jobs = []*found{f}
	out, err := h.finder.find()
	return out.Processes, f.hidden, err
}

// End ends what the job has left, if the settings have its keeper do so.
func (h *Held) End() (Ended, error) {
	if !h.job.Record.End {
		return Ended{}, nil
	}
	return End(func() ([]Process, error) { list, _, err := h.find(); return list, err }, Grace)
}

// Stay returns when the namespace need not be held open any more: if the kernel tells IDs, or nothing is left, and
// nothing that may be. The record is deleted if nothing is left.
func (h *Held) Stay() error {
	for {
		list, hidden, err := h.find()
		if err != nil {
			return err
		}
		if len(list)+len(hidden) == 0 {
			h.job.remove()
			return nil
		}
		if h.job.sure() {
			return nil
		}
		await(append(list, hidden...))
	}
}

// await returns when one of these processes has ended, or some time is over.
func await(list []Process) {
	const most = 10 * time.Minute // they may have started others
	var open []*ending
	defer func() {
		for _, e := range open {
			unix.Close(e.pidfd)
		}
	}()
	for _, p := range list {
		pidfd, err := unix.PidfdOpen(p.PID, 0)
		if err != nil {
			return // it has ended
		}
		open = append(open, &ending{p, pidfd})
		if now, err := (perpid.Owner{}).Peer(p.PID); err != nil || now.Start != p.start {
			return
		}
	}
	waitOne(open, most)
}
