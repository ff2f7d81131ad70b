package claim

import (
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/inplain"
	"github.com/worker-wrap/worker-wrap/internal/start/alone"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// Join makes a start that does not care whether it is alone known to those that do.
func (s Start) Join() {
	c := &claiming{Start: s, locks: alone.Join(s.inCommon(), s.AtMost(alone.Patience))}
	defer c.locks.Close()
	_, _ = c.keep()
	if err := s.record(); err != nil {
		s.Journal.Debugf("nothing tells of this Worker if its keeper is killed: %v", err)
	}
}

// record has the record name this Worker, so that others find it also if its keeper was killed.
func (s Start) record() error {
	if s.Runner == nil {
		return nil
	}
	work, err := place.Open(filepath.Dir(s.Temp))
	if err != nil {
		return err
	}
	defer work.Close()
	diag, err := place.Diag(s.Runner.Root)
	if err != nil {
		return err
	}
	defer diag.Close()
	return inplain.Write(work, diag, s.Self)
}
