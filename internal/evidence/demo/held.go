package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// The course of the held job, in the runner's seconds: Job A's step takes killA to be killed, and what comes after it longer
// than WORKER_WRAP_WAIT allows.
const (
	killA         = 10 * time.Second
	heldTeardownA = 14 * time.Second
	heldStepB     = 10 * time.Second
	waitB         = 10 * time.Second
)

// What [half.readWait] adds to the records.
const (
	waitSource = "worker-wrap"
	waitBegins = "waits"
	waitEnds   = "waited"
)

// RunHeld shows what the runner does since 2.336.0: it waits for a Worker that it cancels, without limit, and the next
// job is neither shown as running nor renewed. Beside it an older runner has WORKER_WRAP_WAIT. It has the requirements
// and errors of [Run].
func RunHeld(ctx context.Context, o Options) error {
	o = o.defaults()
	what := fmt.Sprintf("Job A runs, Job B arrives, A is cancelled. Since 2.336.0 the runner waits for A's Worker before it starts B's, "+
		"and has no limit. An older one starts B's at once, and WORKER_WRAP_WAIT=%v has that wait, never longer. "+
		"A stand-in plays both, %g times as fast as the real one; the times are real, in seconds since Job A's start.", waitB, 1/o.Scale)
	return o.show(what, o.scaled(2*aloneA+2*(killA+heldTeardownA)+heldStepB+2*teardownB), func(dir string, hide func()) (err error) {
		var halves [2]*half
		for i, c := range []course{
			{title: "Runner 2.336", holds: true, teardownA: heldTeardownA, stepB: heldStepB},
			{title: "Runner 2.335, WORKER_WRAP_WAIT", shim: o.Shim, wait: waitB, teardownA: heldTeardownA, stepB: heldStepB, meet: true},
		} {
			if halves[i], err = replay(ctx, o, filepath.Join(dir, fmt.Sprint("runner", i+1)), c); err != nil {
				return err
			}
		}
		hide()
		held, waited := halves[0], halves[1]
		fmt.Fprint(o.Out, table(o.Width, held.title, waited.title, held.timeline(), waited.timeline()))
		fmt.Fprint(o.Out, "\n", wrap(fmt.Sprintf("The runner held Job B for %.1f seconds, until Job A's Worker had ended. Meanwhile Job B was neither shown as "+
			"running nor renewed. worker-wrap had it wait for %.1f seconds, in a Worker that was started, and then gave it a _temp of its own.",
			held.held().Seconds(), waited.waitB.Seconds()), o.Width, ""))
		if failures := append(held.unmetHeld(), waited.unmetWait(o.scaled(waitB))...); failures != nil {
			return &Unmet{failures}
		}
		return nil
	})
}

// held is how long Job B was in the runner's hand before it had its _temp.
func (h *half) held() time.Duration {
	return h.find(h.jobB, false, wellKnownTemp).Time.Sub(h.find(h.jobB, true, "Acknowledging").Time)
}

// readWait finds how long worker-wrap had Job B wait, in its own record, and adds that to the others.
func (h *half) readWait() error {
	if h.wait == 0 {
		return nil
	}
	file, err := os.Open(filepath.Join(h.root.Diag, events.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it shows in what is expected
	}
	if err != nil {
		return err
	}
	defer file.Close()
	for e, err := range events.Read(file) {
		if d := e.Waited(); err == nil && d > 0 && e.Job.PID == h.find(h.jobB, false, wellKnownTemp).PID {
			h.waitB = d
			h.records = append(h.records, standin.Record{Time: e.Time.Add(-d), PID: e.PID, Job: h.jobB, Source: waitSource, Message: waitBegins},
				standin.Record{Time: e.Time, PID: e.PID, Job: h.jobB, Source: waitSource, Message: waitEnds})
		}
	}
	return nil
}

// unmetEnds lists what of the jobs' ends went otherwise than it should.
func (h *half) unmetEnds(expect func(ok bool, format string, args ...any)) {
	for _, j := range []struct {
		name string
		r    standin.Result
		want standin.TaskResult
	}{{"A", h.resultA, standin.Canceled}, {"B", h.resultB, standin.Succeeded}} {
		expect(j.r.Code == j.want.ExitCode(), "Job %s should exit with %d, and %s", j.name, j.want.ExitCode(), says(j.r))
	}
	expect(h.find(h.jobB, false, missingFile).Message == "", "Job B should have found its files, and missed some")
	expect(len(h.mounted) == 0, "the machine should see no mount, and sees %v", h.mounted)
}

// expectation returns what collects in all what is not so, after what.
func (h *half) expectation(all *[]string) func(ok bool, format string, args ...any) {
	return func(ok bool, format string, args ...any) {
		if !ok {
			*all = append(*all, h.title+": "+fmt.Sprintf(format, args...))
		}
	}
}

// unmetHeld lists what went otherwise than it should where the runner holds the job.
func (h *half) unmetHeld() (all []string) {
	expect := h.expectation(&all)
	h.unmetEnds(expect)
	ended, started := h.find(h.jobA, true, processFinished).Time, h.find(h.jobB, true, processStarted).Time
	expect(!started.Before(ended), "Job B's Worker should have been started after the end of Job A's, and was before")
	return all
}

// unmetWait lists what went otherwise than it should where worker-wrap waits.
func (h *half) unmetWait(limit time.Duration) (all []string) {
	expect := h.expectation(&all)
	h.unmetEnds(expect)
	ended, renewed := h.find(h.jobA, true, processFinished).Time, h.find(h.jobB, true, "Start renew job request").Time
	used := h.find(h.jobB, false, wellKnownTemp).Time
	expect(renewed.Before(ended), "Job B should have been renewed before the end of Job A, and was not")
	expect(h.waitB >= limit*9/10, "worker-wrap should have waited for %v, and did for %v", limit, h.waitB)
	expect(used.Before(ended), "Job B should have begun before the end of Job A, and did not")
	expect(h.isPlain(h.jobA) && !h.isPlain(h.jobB), "Job A should have had the plain _temp, and Job B one of its own")
	return all
}
