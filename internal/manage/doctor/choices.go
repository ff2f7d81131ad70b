package doctor

import (
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// chosen is what a runner's settings change about what has to be there.
type chosen struct {
	policy.Settings
	userns, noDocker, inMemory bool
	leftovers                  plan.Leftovers
	private                    []plan.Own
}

// choices reads a runner's settings. What makes no sense there is judged by settings.
func choices(r *Runner) chosen {
	var c chosen
	for _, v := range counting(r) {
		if s, err := plan.ParseSettings([]string{v.Name + "=" + v.Value}); err == nil {
			c.noDocker = c.noDocker || s.NoDocker
			c.leftovers += s.Leftovers // each variable is read by itself
			c.private = append(c.private, s.Owns()...)
		}
		if name, ok := strings.CutPrefix(v.Name, survey.SettingsPrefix); ok {
			_, _ = c.Set(name, v.Value)
		}
	}
	if len(c.private) > 0 {
		c.Isolate = policy.Always
	}
	c.userns, c.inMemory = c.Userns, c.Backing == policy.Tmpfs
	return c
}

// counting are a runner's variables without those that another one of that name comes before.
func counting(r *Runner) (out []survey.Variable) {
	for _, v := range r.Variables {
		if first, _ := r.Setting(v.Name); first == v {
			out = append(out, v)
		}
	}
	return out
}

// shared says what becomes of a runner's jobs if no Worker can be isolated.
func shared(r *Runner) string {
	c := choices(r)
	switch {
	case c.Fallback == policy.FallbackNone && c.Isolate != policy.Always:
		return "no job starts but one that is alone"
	case c.Fallback == policy.FallbackNone:
		return "no job starts"
	case c.Fallback == policy.FallbackRun:
		return "jobs share one _temp"
	}
	return "a job runs in the shared _temp if it is alone there, and one that comes meanwhile waits, and is refused at the end"
}
