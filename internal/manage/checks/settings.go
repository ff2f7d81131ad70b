package checks

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	places "github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// isolation says what a Worker gets, and who has chosen that.
func isolation(r *judged) []Result {
	if !r.current().Wrapped() {
		return nil
	}
	i := r.Isolation()
	by := "nobody has set WORKER_WRAP_ISOLATE"
	switch {
	case i.Mounts != "":
		by = i.Mounts + ", which takes mounts, whatever WORKER_WRAP_ISOLATE says"
	case i.From != "":
		by = "WORKER_WRAP_ISOLATE=" + i.Value + " in " + i.From
	}
	what := "each Worker gets a _temp of its own"
	switch r.set.Isolate {
	case policy.Alone:
		what = "a Worker that is alone is started as without worker-wrap; one that comes while another lives gets a _temp of its own, by a mount"
	case policy.Overlap:
		what = "a Worker that is alone is started in the plain _temp, and every other gets a _temp of its own"
	}
	if i.Leftovers != "" {
		by += "); each has a mount namespace of its own, in which nothing more is mounted (" + i.Leftovers
	}
	return []Result{{Check: "isolation", Level: OK, What: what + " (" + by + ")"}}
}

// hooks looks at the scripts that the runner runs before and after each job.
func hooks(r *judged) (out []Result) {
	for _, path := range r.Hooks {
		why := "that fails with EBUSY (device or resource busy) in each job, and the hook fails the job"
		if r.set.Isolate != policy.Always {
			why = "that fails with EBUSY (device or resource busy) in a job that has a _temp of its own, and the hook fails that job"
		}
		out = append(out, Result{
			Check: "hook", Level: Warn, What: path + " removes _temp itself, as it seems", Why: why,
			Mend: `empty it instead: find "$RUNNER_TEMP" -mindepth 1 -delete`,
		})
	}
	return out
}

// settings judges each of them.
func settings(r *judged) (out []Result) {
	if r.SettingsErr != nil {
		res := Result{Check: "settings", Level: Fail, What: r.SettingsErr.Error(), Why: "no job starts", Mend: "correct or remove it; the next start reads it anew"}
		if closed := (*places.ClosedError)(nil); errors.As(r.SettingsErr, &closed) {
			res.What, res.Mend = fmt.Sprintf("%s may not read %s, as the mode of %s has it", r.User, closed.Path, closed.At), closed.Mend()
		}
		out = append(out, res)
	}
	for _, v := range counting(r.Runner) {
		then := "then restart the runner, which reads that only when it starts"
		if base := filepath.Base(v.From); base == places.RunnerFile || v.From == places.MachineFile {
			then = "the next start reads it anew"
		}
		add := func(level Level, what, why, mend string) {
			out = append(out, Result{Check: "settings", Level: level, What: v.From + ": " + what, Why: why, Mend: mend + "; " + then})
		}
		s, err := plan.ParseSettings([]string{v.Name + "=" + v.Value})
		i := strings.Index(v.Name, survey.SettingsPrefix)
		switch {
		case err != nil:
			add(Fail, err.Error(), "no job starts with it", "correct the line")
		case i > 0:
			add(Warn, fmt.Sprintf("%q is not a setting: all before the = is taken for the name", v.Name), "what it is to change stays as it is", "write the line as "+v.Name[i:]+"="+v.Value)
		case s.Unknown != "":
			add(Warn, fmt.Sprintf("%q %s", s.Unknown, plan.UnknownSetting), "what it is to change stays as it is", "change the line")
		}
	}
	return out
}
