package doctor

import (
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
)

// chosen is what a runner's settings change about what has to be there.
type chosen struct {
	userns, noDocker, inMemory bool
	fallback                   policy.Fallback
}

// choices reads the runner's .env. What makes no sense there is judged by settings.
func choices(r *Runner) chosen {
	var c chosen
	if s, err := shim.ParseSettings(r.Env); err == nil {
		c.noDocker = s.NoDocker
	}
	var p policy.Settings
	for _, e := range r.Env {
		if rest, ok := strings.CutPrefix(e, "WORKER_WRAP_"); ok {
			name, value, _ := strings.Cut(rest, "=")
			_, _ = p.Set(name, value)
		}
	}
	c.fallback = p.Fallback
	c.userns, c.inMemory = p.Userns, p.Backing == policy.Tmpfs
	return c
}

// shared says what becomes of a runner's jobs if no Worker can be isolated.
func shared(r *Runner) string {
	switch choices(r).fallback {
	case policy.FallbackNone:
		return "no job starts"
	case policy.FallbackRun:
		return "jobs share one _temp"
	}
	return "a job runs in the shared _temp if it is alone there, and one that comes meanwhile waits, and is refused at the end"
}
