package checks

import (
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

// judged is a runner with what its settings change, which many checks ask for.
type judged struct {
	*Runner
	set chosen
}

// choices reads a runner's settings as a start does, but for those that make no sense, which settings judges.
func choices(r *Runner) chosen {
	var good []string
	for _, v := range counting(r) {
		line := v.Name + "=" + v.Value
		if _, err := plan.ParseSettings([]string{line}); err == nil {
			good = append(good, line)
		}
	}
	s, _ := plan.ParseSettings(good) // each was fine by itself
	return chosen{s.Policy, s.Policy.Userns, s.NoDocker, s.Policy.Backing == policy.Tmpfs, s.Leftovers, s.Owns()}
}

// Isolation is which of a runner's Workers get a _temp or a mount namespace of their own, and by which settings.
type Isolation struct {
	Value string // of WORKER_WRAP_ISOLATE, as it holds
	From  string // where that is set, or the setting that comes before it; "" if nowhere
	// Mounts is the setting WORKER_WRAP_PRIVATE or _BACKING if it comes before that of ISOLATE, which would say Instead.
	Mounts, Instead string
	// Leftovers is the setting WORKER_WRAP_LEFTOVERS if it is what gives each Worker a mount namespace of its own.
	Leftovers string
}

// Isolation says what holds.
func (r *Runner) Isolation() (i Isolation) {
	c := choices(r)
	said := func(name string) (value, text, from string) {
		v, _ := r.Setting(survey.SettingsPrefix + name)
		return v.Value, v.Name + "=" + v.Value + " in " + v.From, v.From
	}
	i.Value, _, i.From = said("ISOLATE")
	if i.Value == "" {
		i.Value = policy.Always.String()
	}
	if value := c.Isolate.String(); value != i.Value && (len(c.private) > 0 || c.inMemory) {
		i.Instead, i.Value = i.Value, value
		by := "BACKING"
		if len(c.private) > 0 {
			by = "PRIVATE"
		}
		_, i.Mounts, i.From = said(by)
	}
	if c.leftovers != plan.LeftAlone && c.Isolate != policy.Always {
		_, i.Leftovers, _ = said("LEFTOVERS")
	}
	return i
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

func (c *chosen) shared() string {
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

// Shared says what becomes of a runner's jobs if no Worker can be isolated.
func Shared(r *Runner) string {
	set := choices(r)
	return set.shared()
}
