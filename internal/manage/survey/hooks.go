package survey

import (
	"regexp"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// ofHooks are the variables that name scripts which the runner runs in each job.
var ofHooks = [...]string{"ACTIONS_RUNNER_HOOK_JOB_STARTED", "ACTIONS_RUNNER_HOOK_JOB_COMPLETED"}

// hooks returns those in which a line seems to remove _temp, and not only what is in it.
func hooks(all []Variable) (out []string) {
	for _, name := range ofHooks {
		v, _ := first(all, name)
		if v.Value == "" || slices.Contains(out, v.Value) {
			continue
		}
		// Made here: every start of worker-wrap would pay for a variable of the package.
		removes := regexp.MustCompile(`(?m)^[^#\n]*\brm\s+-[a-zA-Z]*[rR][^\n]*(\$\{?RUNNER_TEMP\}?|/_temp)/?["']?(\s|;|&|\||$)|^[^#\n]*\brm\s+-[a-zA-Z]*[rR][^\n]*_work["']?/\*`)
		if removes.MatchString(untrusted.Text(v.Value)) {
			out = append(out, v.Value)
		}
	}
	return out
}
