package doctor

import (
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/containers"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// TestContainers: of each row of the table that names doctor, doctor says what containers see, at that level.
func TestContainers(t *testing.T) {
	set := func(r *checks.Runner, setting string) {
		r.Docker.Socket = "/s"
		r.Variables = append(r.Variables, survey.Assigned("/r/.env", setting)...)
	}
	facts := map[string]func(*checks.Runner){
		containers.Socket.Job:   func(r *checks.Runner) { r.Docker.Socket = "/s" },
		containers.Closed.Job:   func(r *checks.Runner) { r.Docker.Closed = "/s" },
		containers.Refused.Job:  func(r *checks.Runner) { r.Docker = survey.Docker{Socket: "/s", Refused: "is another's"} },
		containers.Off.Job:      func(r *checks.Runner) { set(r, "WORKER_WRAP_DOCKER=off") },
		containers.Memory.Job:   func(r *checks.Runner) { set(r, "WORKER_WRAP_BACKING=tmpfs") },
		containers.Remote.Job:   func(r *checks.Runner) { r.Docker = survey.Docker{Host: "tcp://far:2376", Context: "far"} },
		containers.Runtime.Job:  func(r *checks.Runner) { r.Docker.Containerd = true },
		containers.Rootless.Job: func(r *checks.Runner) { r.Pauses = []survey.PauseView{{Sees: r.Layout.Temp}} },
	}
	levels := map[containers.Doctor]checks.Level{containers.Says: checks.OK, containers.Warns: checks.Warn, containers.Problem: checks.Fail}
	for _, row := range containers.Table() {
		change, tells := facts[row.Job]
		if tells != (row.Doctor != containers.Silent) {
			t.Errorf("a job that %s: doctor %q, and this test has such a runner: %v", row.Job, row.Doctor, tells)
		}
		if !tells {
			continue
		}
		for _, isolate := range []string{"alone", "always"} {
			f := well()
			f.Runners[0].Variables = survey.Assigned("/r/.env", "WORKER_WRAP_ISOLATE="+isolate)
			change(&f.Runners[0])
			found := false
			for _, res := range Judge(f).Runners[0].Results {
				found = found || res.Level == levels[row.Doctor] && strings.HasSuffix(res.What+res.Why, row.See(isolate == "always" || row.Job == containers.Memory.Job))
			}
			if !found {
				t.Errorf("a job that %s, with ISOLATE=%s: doctor does not say %q in %+v", row.Job, isolate, row.See(isolate == "always"), Judge(f).Runners[0].Results)
			}
		}
	}
}
