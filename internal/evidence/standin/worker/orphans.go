package worker

import (
	"bytes"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// killOrphans ends what the job's steps left running: processes younger than the Worker that have its RUNNER_TRACKING_ID (src/Runner.Worker/JobExtension.cs).
func (w *worker) killOrphans() {
	if !w.invoked.Load() {
		return // nobody can have it
	}
	self := os.Getpid()
	own, ok := common.ReadProcess(self)
	if !ok {
		return
	}
	want := []byte("RUNNER_TRACKING_ID=" + w.tracking)
	buf := make([]byte, 256<<10)
	for _, p := range common.Processes() {
		if p.PID == self || p.Start < own.Start {
			continue
		}
		environ := common.ReadProc(p.PID, "environ", buf)
		if slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(e []byte) bool { return bytes.Equal(e, want) }) {
			w.info("JobExtension", "Terminate orphan process: pid (%d)", p.PID)
			_ = unix.Kill(p.PID, unix.SIGKILL)
		}
	}
}
