package starts_test

import (
	"os"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestLooksAgainForLong: on a busy machine what was found can be gone at many looks, and a start looks on. What stays
// gone is said in the end.
func TestLooksAgainForLong(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	s := ordinary(t, testkit.Binary(t))
	look := func(when string) (c *start, code int, took time.Duration) {
		c = command(nil, strace, "-o", "/dev/null", "-e", "trace=move_mount", "-e", "inject=move_mount:error=ENOENT:when="+when,
			"--", s.worker, "-c", s.script())
		c.SysProcAttr = nil
		begun := time.Now()
		code = c.end(t)
		return c, code, time.Since(begun)
	}
	for when, want := range map[string]string{"1..10": "isolated", "1+": ""} { // two of a try
		c, code, took := look(when)
		for tries := 1; want != "" && code != 0 && took >= 3*time.Second && tries < 20; tries++ { // it looks no longer
			c, code, took = look(when)
		}
		if s.started(c) != want || (code == 0) != (want != "") {
			t.Errorf("%s: exit code %d, %q, want %q: %s", when, code, s.started(c), want, &c.err)
		}
		if want == "" {
			oneLine(t, c.err.String(), "move_mount", "no such file or directory")
		}
	}
}

// TestStartsWhileReplaced replaces the shim again and again, with itself and with the runner's own Worker, under
// Workers that live and others that start: each of them runs, and none leaves anything.
func TestStartsWhileReplaced(t *testing.T) {
	testkit.RequireRoot(t)
	adopt(t)
	g := ground{load: load{byRoot: true}, shim: testkit.Binary(t)}
	g.scratch = ordinary(t, g.shim)
	for range 20 { // each has a mount on the entry that is replaced
		g.workers = append(g.workers, g.shell(t).Process.Pid)
	}
	end, done := make(chan struct{}), make(chan struct{})
	replace := func(make func(old, path string) error, old string) {
		next := g.worker + ".next"
		if err := make(old, next); err != nil {
			t.Error(err)
		} else if err := os.Rename(next, g.worker); err != nil {
			t.Error(err)
		}
	}
	go func() {
		defer close(done)
		for {
			replace(os.Link, g.worker+".real")
			time.Sleep(time.Millisecond)
			replace(os.Symlink, g.shim)
			select {
			case <-end:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	parallel(300, 6, func(int) {
		if err := g.start(); err != nil {
			t.Error(err)
		}
	})
	close(end)
	<-done
	g.alone(t)
}
