package checks

import (
	"fmt"

	"github.com/worker-wrap/worker-wrap/internal/manage/confine"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// obstacles are what in the unit of the runner's service stands in the way.
func (r *judged) obstacles(m survey.Machine) []confine.Obstacle {
	s := confine.Service{Unit: r.Unit, Layout: r.Layout, UID: r.UID, Userns: r.set.userns, Shim: r.Shim.Path}
	return s.Obstacles(m.SystemdVersion)
}

// takenByService looks at what stands in the way in the unit: as systemd has it in force, which counts from the next start of the service, or else as
// its files have it.
func takenByService(r *judged, m survey.Machine, all []confine.Obstacle) (out []Result) {
	mend := confine.Mend(&r.Unit, all) // in one file
	for _, o := range all {
		res := Result{
			Check: o.Check, Level: Fail, What: fmt.Sprintf("the unit %s has %s, %s", r.Unit.Name, o.Setting, o.What),
			Why: o.Why, Mend: mend, OfUnit: true,
		}
		if o.Check == "no_new_privs" && m.SystemdVersion == 0 && !confine.On(r.Unit.Last("NoNewPrivileges")) && !confine.On(r.Unit.Last("DynamicUser")) {
			if r.Listener != nil && !r.Listener.NoNewPrivs {
				continue // systemd is new enough
			}
			res.Level = Warn
			res.Why += fmt.Sprintf("; not so with systemd %d and later, and which one this is cannot be told", confine.NoMoreNoNewPrivs)
		}
		out = append(out, res)
	}
	if r.Unit.Reload {
		out = append(out, Result{
			Check: "service", Level: Warn, What: "the files of the unit " + r.Unit.Name + " have changed since systemd read them",
			Why: "what they say now is not in force, also after a restart of the runner", Mend: "sudo systemctl daemon-reload",
		})
	}
	if users := r.Unit.Last("PrivateUsers"); confine.On(users) {
		out = append(out, Result{Check: "service", Level: OK, What: fmt.Sprintf("PrivateUsers=%s of the unit %s keeps what a job mounts inside the service, as it does without worker-wrap", users, r.Unit.Name)})
	}
	return out
}
