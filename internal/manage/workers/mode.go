package workers

import (
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/inplain"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/record"
)

// Mode says which _temp a Worker has, and why.
type Mode string

// The modes.
const (
	Private   Mode = "private"   // its own
	Alone     Mode = "alone"     // the plain one, as the runner's settings want it for a Worker that is alone in it
	Plain     Mode = "plain"     // the plain one, since it could have none of its own
	Unwrapped Mode = "unwrapped" // the plain one: it was started without worker-wrap
	Unknown   Mode = "unknown"   // whoever looks may not look into it
)

func (m Mode) wrapped() bool { return m == Private || m == Alone || m == Plain }

// judge finds out how a Worker was started: the event log tells, and the record of who is alone. hidden is true if its
// environment cannot be read, which tells whether it has a folder of its own.
func (l *looker) judge(w *Worker, owner perpid.Owner, hidden bool) {
	if w.Runner == "" {
		return // a command that was started by hand, if it has a folder
	}
	s := l.starts[w.Runner]
	if s == nil {
		s = record.All(filepath.Join(w.Runner, "_diag"))
		l.starts[w.Runner] = s
	}
	from, known := s.Of(owner.PID, owner.Start)
	if known {
		w.Waited = from.Waited.Seconds()
	}
	switch {
	case w.Mode == Private:
		if known {
			w.Beside = from.Alive
		}
	case known && from.Outcome == events.Private && hidden:
		w.Mode, w.Beside, w.Temp = Private, from.Alive, from.Dir
	case known && from.Unisolated:
		w.Mode, w.Why, w.Beside = Plain, from.Error, from.Alive
	case known && (from.Outcome == events.Alone || from.Outcome == events.Plain):
		w.Mode = Alone
	case recorded(w.Runner, owner):
		w.Mode = Alone
	case hidden:
		w.Mode = Unknown
	default:
		w.Mode = Unwrapped
	}
}

// recorded reports whether a process is the one that is noted as the one in the plain _temp.
func recorded(root string, owner perpid.Owner) bool {
	layout, err := runner.FromRoot(root)
	if err != nil {
		return false
	}
	o, ok := inplain.Named(layout.Work, layout.Diag(), owner)
	return ok && o.PID == owner.PID && o.Start == owner.Start
}

// starting reports whether a process is worker-wrap still.
func starting(dir string) bool {
	exe, err := os.Readlink(filepath.Join(dir, "exe"))
	return err == nil && filepath.Base(exe) == "worker-wrap"
}
