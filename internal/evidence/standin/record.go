package standin

import (
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// Record is one entry of a Listener's or a Worker's log.
type Record struct {
	Time    time.Time // finer than in the log file
	PID     int       // the Worker's; 0 for the Listener
	Job     string    // the Worker's job
	Level   string    // INFO, ERR , WARN
	Source  string    // JobDispatcher, TempDirectoryManager, …
	Message string    // its first line
}

// parseEcho reads what [common.Echo] made.
func parseEcho(line string) (r Record, ok bool) {
	rest, ok := strings.CutPrefix(line, common.EchoPrefix)
	if !ok || len(rest) < len(common.EchoTime)+len(" INFO ") {
		return r, false
	}
	var err error
	if r.Time, err = time.Parse(common.EchoTime, rest[:len(common.EchoTime)]); err != nil {
		return r, false
	}
	r.Level = rest[len(common.EchoTime)+1 : len(common.EchoTime)+5]
	r.Source, r.Message, ok = strings.Cut(rest[len(common.EchoTime)+6:], "] ")
	return r, ok
}
