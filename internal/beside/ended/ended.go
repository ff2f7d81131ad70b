// Package ended is what a keeper becomes when its Worker has ended: it records the end.
//
// The keeper itself (internal/start/early) has no Go runtime while the job runs. By now nobody waits for it.
package ended

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// Run records in the runner's _diag, args[0], that a Worker has ended: args[1] is its PID, args[2] its start in clock
// ticks after boot, args[3] when it began in nanoseconds since 1970. Anybody may start it with any arguments, so it
// first gives up what the file it runs from grants.
func Run(args []string) error {
	if err := detach.DropPrivilege(); err != nil {
		return err
	}
	if len(args) != 4 {
		return errors.New("it is started by worker-wrap only")
	}
	pid, err := strconv.Atoi(args[1])
	start, err2 := strconv.ParseUint(args[2], 10, 64)
	begun, err3 := strconv.ParseInt(args[3], 10, 64)
	if err := errors.Join(err, err2, err3); err != nil {
		return fmt.Errorf("it is started by worker-wrap only: %w", err)
	}
	return events.Append(args[0], events.Event{
		Kind: events.End, PID: os.Getpid(), Job: events.Process{PID: pid, Start: start}, Outcome: events.Ended,
		Stages: events.Stages{{Name: "job", Duration: max(0, time.Since(time.Unix(0, begun)))}},
	})
}
