package standin_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestHung: a job whose Worker ends before its message is written is never completed, and nobody reads why. So the next
// one hangs too, unless the Listener has written a message before.
func TestHung(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	refuse := func(script string) {
		write(t, filepath.Join(root.Bin, "Runner.Worker"), "#!/bin/sh\n"+script+"echo the reason >&2\nexit 125\n")
	}
	l := newListener(t, root)
	l.Handles = [2]int{9, 8}
	release := make(chan struct{})
	l.Release = release
	renewals := make(chan string, 1000)
	l.Trace = func(r standin.Record) {
		if strings.HasPrefix(r.Message, "Successfully renew job ") {
			select {
			case renewals <- r.Job:
			default: // the test takes long to look
			}
		}
	}
	l.Scale = 0.0002 // a renewal each 12 ms
	refuse("")
	w := start(t, l, steps())
	testkit.Await(t, "the Worker's end", func() bool { return gone(w.PID) })
	select {
	case <-w.Done():
		t.Fatal("the Listener is through with a job whose message it has still to write")
	default:
	}
	close(release)
	r := expect(t, w, 125)
	if r.State != standin.Hung || r.Shown != "" || r.Err == nil || r.Kept != "the reason" {
		t.Errorf("%v, shown %q of %q (%v)", r.State, r.Shown, r.Kept, r.Err)
	}
	if err := w.Cancel(); err != nil { // nobody hears it
		t.Error(err)
	}
	refuse(takeMessage)
	second, err := l.Dispatch(steps())
	if err != nil {
		t.Fatal(err)
	}
	if r := expect(t, second, 125); r.State != standin.Completed || r.Shown != "the reason" {
		t.Errorf("%v, shown %q (%v)", r.State, r.Shown, r.Err)
	}
	for len(renewals) > 0 {
		<-renewals
	}
	for range 3 {
		if job := <-renewals; job != w.Job.ID {
			t.Errorf("job %s is renewed, and not %s", job, w.Job.ID)
		}
	}
	log := logs(t, root, "Runner")
	inOrder(t, log, "Send job request message to worker for job "+w.Job.ID, "Worker Dispatch failed with an exception for job request "+w.Job.ID, "finish job request for job "+second.Job.ID+" with result: Failed")
	if strings.Contains(log, "finish job request for job "+w.Job.ID) || strings.Contains(log, "Send job cancellation message") {
		t.Errorf("the hung job is finished or cancelled:\n%s", log)
	}
}
