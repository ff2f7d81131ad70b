package doctor

import (
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
)

// chosen is what a runner's settings change about what has to be there.
type chosen struct {
	userns, noDocker, inMemory bool
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
	c.userns, c.inMemory = p.Userns, p.Backing == policy.Tmpfs
	return c
}
