package checks

import (
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// runnerOf is a runner of an ordinary user whose unit has this setting.
func runnerOf(key, value string) *judged {
	r := &Runner{Runner: survey.Runner{UID: 1000, User: "ci"}}
	setting := systemd.Setting{Key: key, Value: value}
	r.Unit = systemd.Unit{Name: "u.service", Settings: []systemd.Setting{setting}, Lines: []systemd.Line{{Setting: setting}}}
	return &judged{r, choices(r)}
}

// taken looks at the unit alone.
func taken(r *judged, m survey.Machine) []Result { return takenByService(r, m, r.obstacles(m)) }

// TestUnknownSystemd: if its version is not known, the Listener that runs tells, or it is a warning.
func TestUnknownSystemd(t *testing.T) {
	r := runnerOf("LockPersonality", "yes")
	if got := taken(r, survey.Machine{}); len(got) != 1 || got[0].Level != Warn || !strings.Contains(got[0].Why, "255") {
		t.Errorf("%+v", got)
	}
	r.Listener = &survey.Process{}
	if got := taken(r, survey.Machine{}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	r.Unit.Settings[0].Key = "NoNewPrivileges"
	if got := taken(r, survey.Machine{}); len(got) != 1 || got[0].Level != Fail {
		t.Errorf("%+v", got)
	}
	r = runnerOf("PrivateUsers", "yes")
	if got := taken(r, survey.Machine{SystemdVersion: 257}); len(got) != 1 || got[0].Level != OK || !strings.Contains(got[0].What, "inside") {
		t.Errorf("%+v", got)
	}
}

// TestProfileOfTheListener: only one that this process is not under, too, is a reason to warn.
func TestProfileOfTheListener(t *testing.T) {
	r := runnerOf("Nice", "0")
	r.Listener = &survey.Process{AppArmor: "one (enforce)"}
	for profile, warned := range map[string]bool{"unconfined": true, "other (enforce)": true, "one (enforce)": false} {
		got := takenByListener(r, survey.Machine{Self: survey.Process{AppArmor: profile}}, nil)
		if is := len(got) == 1 && got[0].Check == "apparmor"; is != warned {
			t.Errorf("%s: %+v", profile, got)
		}
	}
}
