package starts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

const sigterm = unix.SIGTERM

// TestOverlapAlone: a Worker that is alone is in the host's namespace and the plain _temp.
func TestOverlapAlone(t *testing.T) {
	s := ordinary(t, capable(t))
	for range 3 { // each time the one before is dead
		s.unlocked(t)
		code, out, stderr := s.run(t, whereAmI+"; echo $0; grep CapEff /proc/self/status", "ISOLATE=overlap")
		want := s.temp + "\n" + hostNamespace(t) + "\n" + s.worker + "\nCapEff:\t0000000000000000\n"
		if code != 0 || stderr != "" || !strings.HasPrefix(out, s.temp+"\n"+hostNamespace(t)+"\n") || !strings.HasSuffix(out, "CapEff:\t0000000000000000\n") {
			t.Errorf("exit code %d, %q, %q, want %q", code, out, stderr, want)
		}
	}
	if e := s.last(t, events.Start); e.Outcome != events.Plain || e.Error != "" {
		t.Errorf("the event log has %+v", e)
	}
}

// TestOverlapBesideAnother: one that finds another alive, wrapped or not, has its own.
func TestOverlapBesideAnother(t *testing.T) {
	s := ordinary(t, capable(t))
	isolated := func(what string) {
		t.Helper()
		code, out, stderr := s.run(t, whereAmI, "ISOLATE=overlap")
		if code != 0 || stderr != "" || !strings.HasPrefix(out, s.store+"/") {
			t.Errorf("beside %s: exit code %d, %q, %q", what, code, out, stderr)
		}
	}
	other := s.unwrapped(t)
	isolated("an unwrapped one")
	other.end(t)
	other = launch(t, command(nil, s.worker), s.worker, "-c", "echo up; read end")
	isolated("an isolated one")
	other.end(t)
	other = launch(t, command([]string{"ISOLATE=overlap"}, s.worker), s.worker, "-c", `[ "$WORKER_WRAP_HOST_TEMP" = "`+s.temp+`" ] && echo up; read end`)
	isolated("one that has the plain _temp")
	// Also where /proc does not show it for a Worker, its claim does.
	store, err := os.ReadFile(filepath.Join(filepath.Dir(s.temp), ".worker-wrap", "real"))
	if err != nil || !strings.HasPrefix(string(store), itoa(other.pid())+"-") {
		t.Errorf("the claim is %q, %v, want that of process %d", store, err, other.pid())
	}
	if err := other.Process.Kill(); err != nil { // a crash
		t.Fatal(err)
	}
	other.end(t)
	s.unlocked(t)
	if _, out, stderr := s.run(t, whereAmI, "ISOLATE=overlap"); !strings.HasPrefix(out, s.temp+"\n") {
		t.Errorf("after the crash: %q, %q", out, stderr)
	}
}

// TestOverlapAtOnce: of many that start together, time and again, never do two have the plain _temp.
func TestOverlapAtOnce(t *testing.T) {
	s := ordinary(t, capable(t))
	lock := filepath.Join(s.root, "lock")
	script := `if [ "$WORKER_WRAP_HOST_TEMP" = "` + s.temp + `" ]; then mkdir ` + lock + ` || echo two; sleep 0.05; rmdir ` + lock + `; echo real; else sleep 0.02; fi`
	count := map[string]int{}
	for range 12 {
		var all []*start
		for range 10 {
			c := command([]string{"ISOLATE=overlap", "LOG=debug"}, s.worker, "-c", script)
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, c)
		}
		for _, c := range all {
			if code := c.end(t); code != 0 {
				t.Errorf("exit code %d: %s", code, &c.err)
			}
			count[strings.TrimSpace(c.out.String())]++
		}
	}
	// On a busy machine none of them may have been alone.
	s.unlocked(t)
	_, last, _ := s.run(t, script, "ISOLATE=overlap")
	count[strings.TrimSpace(last)]++
	t.Logf("outcomes: %v", count)
	for outcome := range count {
		if outcome != "" && outcome != "real" {
			t.Errorf("%d Workers say %q", count[outcome], outcome)
		}
	}
	if count["real"] == 0 || count[""] == 0 {
		t.Errorf("of 121 Workers %d had the plain _temp and %d their own", count["real"], count[""])
	}
}

// TestOverlapsAreCounted: a start that had no reason to look notes who lives beside it, of those that have a _temp of
// their own. Of two each is not the other's.
func TestOverlapsAreCounted(t *testing.T) {
	for _, settings := range [][]string{nil, {"USERNS=1"}} {
		s := ordinary(t, capable(t))
		first := launch(t, command(settings, s.worker), s.worker, "-c", "echo up; read end")
		begun := s.last(t, events.Start)
		if begun.Outcome != events.Private || begun.Harmless() {
			t.Errorf("%q: the first one's event is %+v", settings, begun)
		}
		s.run(t, ":", settings...)
		if e := s.last(t, events.Start); !e.Harmless() || len(e.Alive) != 1 || e.Alive[0] != begun.Job.PID {
			t.Errorf("%q: beside process %d the event is %+v", settings, begun.Job.PID, e)
		}
		first.end(t)
		s.run(t, ":", settings...)
		if e := s.last(t, events.Start); e.Outcome != events.Private || e.Harmless() {
			t.Errorf("%q: after its end the event is %+v", settings, e)
		}
	}
}
