package demo

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// killA is how long Job A's step takes to be killed.
const killA = 10 * time.Second

// RunHeld shows what the runner does since 2.336.0: it waits for a Worker that it cancels, without limit, and the next job
// is neither shown as running nor renewed. Its requirements and errors are those of [Run].
func RunHeld(ctx context.Context, o Options) error {
	o = o.defaults()
	o.listener = func(l *standin.Listener) { l.Waits = true }
	what := fmt.Sprintf("Job A runs, Job B arrives, A is cancelled. Since 2.336.0 the runner waits "+
		"for A's Worker before it starts B's, and has no limit. A stand-in plays it, %g times as fast as the real one; the times are real, "+
		"in seconds since Job A's start.", 1/o.Scale)
	return o.show(what, o.scaled(aloneA+killA+teardownA+stepB+teardownB), func(dir string, hide func()) error {
		h, err := replay(ctx, o, filepath.Join(dir, "runner"), "")
		if err != nil {
			return err
		}
		hide()
		for _, e := range h.timeline() {
			fmt.Fprintln(o.Out, strings.Join(cell(&e, o.Width), "\n"))
		}
		fmt.Fprint(o.Out, "\n", wrap(fmt.Sprintf("The runner held Job B for %.1f seconds, until Job A's Worker had ended. Meanwhile Job B was neither shown as running nor "+
			"renewed. With an older runner WORKER_WRAP_WAIT has worker-wrap wait instead, in a Worker that was started, and never longer than it says.",
			h.waited().Seconds()), o.Width, ""))
		if failures := h.unmetHeld(); failures != nil {
			return &Unmet{failures}
		}
		return nil
	})
}

// waited is how long Job B was in the runner's hand before it had its _temp.
func (h *half) waited() time.Duration {
	return h.find(h.jobB, false, wellKnownTemp).Time.Sub(h.find(h.jobB, true, "Acknowledging").Time)
}

// unmetHeld lists what went otherwise than it should.
func (h *half) unmetHeld() []string {
	var all []string
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	for _, j := range []struct {
		name string
		r    standin.Result
		want standin.TaskResult
	}{{"A", h.resultA, standin.Canceled}, {"B", h.resultB, standin.Succeeded}} {
		expect(j.r.Code == j.want.ExitCode(), "Job %s should exit with %d, and %s", j.name, j.want.ExitCode(), says(j.r))
	}
	ended, started := h.find(h.jobA, true, processFinished).Time, h.find(h.jobB, true, processStarted).Time
	expect(!started.Before(ended), "Job B's Worker should have been started after the end of Job A's, and was before")
	expect(h.find(h.jobB, false, missingFile).Message == "", "Job B should have found its files, and missed some")
	expect(len(h.mounted) == 0, "the machine should see no mount, and sees %s", strings.Join(h.mounted, ", "))
	return all
}
