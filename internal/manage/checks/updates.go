package checks

import (
	"os"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// updates looks at what becomes of the shim when the runner updates itself.
func updates(r *judged, m survey.Machine) []Result {
	res := Result{
		Check: "updates", Level: Warn, Why: "the new version's Workers run unprotected from then on",
		Mend: "sudo " + r.do("install"),
	}
	unit := &r.PathUnit
	byUnit := r.Keeper == "the path unit "+unit.Name
	switch {
	case !r.current().Wrapped():
		return nil
	case r.NoUpdates:
		return []Result{{Check: "updates", Level: OK, What: "the runner does not update itself (--disableupdate)"}}
	case byUnit && len(r.OldUnits) > 0:
		res.What = r.Keeper + " is not what this version of worker-wrap installs: " + strings.Join(r.OldUnits, ", ")
		res.Why = "it may miss an update of the runner, and " + res.Why
	case byUnit && m.Systemd && !unit.Asked:
		res.What = r.Keeper + " is to put the shim into each new version; whether it runs cannot be told, as systemd does not answer " + users.Name(os.Geteuid())
		res.Why = "if it does not, " + res.Why
		res.Mend = "sudo " + r.do("doctor")
	case r.Keeper != "":
		return []Result{{Check: "updates", Level: OK, What: r.Keeper + " puts the shim into each new version"}}
	case m.Systemd && unit.Wanted():
		res.What = "the path unit " + unit.Name + " " + unit.Trouble()
		res.Why = "when the runner updates itself nothing may put the shim back, and " + res.Why
	default:
		res.What = "nothing puts the shim back when the runner updates itself"
		if !m.Systemd {
			res.Mend = "start the runner by runsvc-worker-wrap.sh, or keep this running as its user: " + r.do("watch")
		}
	}
	return []Result{res}
}
