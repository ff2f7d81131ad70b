package install

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestListenerThatCannotIsolate: a start beside a Listener inherits nothing of it. What the Listener's own Workers would is
// a reason to refuse, too.
func TestListenerThatCannotIsolate(t *testing.T) {
	testkit.RequireRoot(t)
	for name, test := range map[string]struct {
		status, env, refused string
	}{
		"well":               {"CapBnd:\t1ffffffffff\n", "", ""},
		"no_new_privs":       {"CapBnd:\t1ffffffffff\nNoNewPrivs:\t1\n", "", "the Listener (PID 7) runs with no_new_privs"},
		"bounded":            {"CapBnd:\t0\n", "", "the Listener (PID 7) runs without CAP_SYS_ADMIN"},
		"in user namespaces": {"CapBnd:\t0\nNoNewPrivs:\t1\n", "WORKER_WRAP_USERNS=1\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := aMachine(t)
			l := scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)
			process := filepath.Join(m.Root, "proc/7")
			inside := strings.TrimPrefix(l.Root, m.Root)
			scratch.Text(t, process+"/cmdline", inside+"/bin/Runner.Listener\x00run\x00")
			scratch.Text(t, process+"/status", fmt.Sprintf("Name:\tRunner.Listener\nUid:\t%[1]d\t%[1]d\t%[1]d\t%[1]d\n%s", scratch.Nobody, test.status))
			scratch.Text(t, l.Root+"/.env", test.env)
			o := Options{Machine: m, Layouts: []runner.Layout{l}}
			output(&o)
			err := errors.Join(Install(o).Failed...)
			if (err == nil) != (test.refused == "") || err != nil && !strings.Contains(err.Error(), test.refused) {
				t.Errorf("%v, want %q", err, test.refused)
			}
		})
	}
}
