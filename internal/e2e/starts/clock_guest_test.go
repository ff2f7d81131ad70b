//go:build guest

// The tests with the tag guest change what a whole machine has one of: they run in the machines of
// scripts/kernel-matrix only.

package starts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const year = 365 * 24 * time.Hour

// jump sets the machine's clock by so much.
func jump(t *testing.T, by time.Duration) {
	t.Helper()
	now := unix.NsecToTimespec(time.Now().Add(by).UnixNano())
	if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
		t.Error(err)
	}
}

// resetClock has the test end with the clock as it would have been.
func resetClock(t *testing.T) {
	t.Helper()
	begun := time.Now()
	t.Cleanup(func() {
		// Since tells by the monotonic clock, Until of a time without one by the real one.
		jump(t, time.Until(begun.Round(0).Add(time.Since(begun))))
	})
}

// TestClockJumpsWhileStarting sets the clock forward a year and back again all through many starts, beside a
// living Worker, what a dead one left, and gc.
func TestClockJumpsWhileStarting(t *testing.T) {
	s := ordinary(t, capable(t))
	resetClock(t)
	living := launch(t, command(nil, s.worker), s.worker, "-c", `echo mine > `+s.temp+`/mine; echo up; read end; cat `+s.temp+`/mine`)
	folder := filepath.Join(s.store, entries(t, s.store)[0])
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				stopped <- n
				return
			case <-time.After(3 * time.Millisecond):
				jump(t, []time.Duration{year, -year, -year, year}[n%4])
			}
		}
	}()
	for n := range 8 {
		s.leftovers(t)
		settings := [][]string{nil, {"ISOLATE=overlap"}, {"WAIT=20ms"}, {"USERNS=1"}}[n%4]
		c := command(settings, s.worker, "-c", program(s.temp))
		if _, err := finish(t, c, s.temp).allowed(isolated); err != nil {
			t.Errorf("%v: %v", settings, err)
		}
		gc := exec.Command(testkit.Binary(t), "gc", "--runner-root", s.root)
		if out, err := gc.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", gc, err, out)
		}
	}
	close(stop)
	t.Logf("the clock was set %d times", <-stopped)
	if data, err := os.ReadFile(filepath.Join(folder, "mine")); err != nil || string(data) != "mine\n" {
		t.Errorf("the living Worker's folder: %q, %v", data, err)
	}
	living.end(t)
	if all := s.log(t, events.Start); len(all) != 9 {
		t.Errorf("the event log has %d starts, want 9", len(all))
	}
	s.allSwept(t, s) // whatever its time is
}

// allSwept starts Workers until they have swept what others left. at is s as the machine has it that its files are on.
func (s scratch) allSwept(t *testing.T, at scratch) {
	t.Helper()
	eventually(t, func() error {
		if code, _, stderr := s.run(t, "true"); code != 0 {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		return atMostOne(at.left(t))
	})
}

// TestClockJumpsWhileWaiting: a wait lasts as long as it should, whatever the clock does.
func TestClockJumpsWhileWaiting(t *testing.T) {
	s := ordinary(t, capable(t))
	resetClock(t)
	other := s.unwrapped(t)
	for _, by := range []time.Duration{year, -2 * year, time.Minute} {
		began := time.Now()
		c := s.waiting(t, program(s.temp), "WAIT=1s")
		jump(t, by)
		if code := c.end(t); code != 0 || isOnHost(s.temp) {
			t.Errorf("%v: exit code %d, %s", by, code, c.Stderr)
		}
		if took := time.Since(began); took < 900*time.Millisecond || took > 20*time.Second {
			t.Errorf("%v: it waited %v, want 1s", by, took)
		}
	}
	c := s.waiting(t, program(s.temp), "WAIT=23s")
	jump(t, -year)
	other.end(t)
	if code := c.end(t); code != 0 {
		t.Errorf("exit code %d: %s", code, c.Stderr)
	}
	if e := s.last(t, events.Wait); e.Outcome != events.Waited {
		t.Errorf("it did not go on with the other's end: %+v", e)
	}
}

// TestClockJumpBesideAContainer: a Worker in a container keeps its folder when the clock is set forward. The container
// has a boot id of its own, as LXC gives it, and shares the work folder.
func TestClockJumpBesideAContainer(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	resetClock(t)
	bootID := filepath.Join(s.root, "boot_id")
	if err := os.WriteFile(bootID, []byte("01234567-89ab-cdef-0123-456789abcdef\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	inside := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "sh", "-c",
		`mount --bind "$1" /proc/sys/kernel/random/boot_id && "$2" -c "echo mine >$3/mine; echo up; read end; cat $3/mine"; exit`, "sh", bootID, s.worker, s.temp)
	in, err := inside.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan string, 10)
	inside.Stdout, inside.Stderr = &splitter{out: out}, os.Stderr
	if err := inside.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		in.Close()
		if !ended {
			_ = inside.Wait()
		}
	}()
	select {
	case line := <-out:
		if line != "up" {
			t.Fatalf("the container says %q", line)
		}
	case <-time.After(testkit.Patience):
		t.Fatal("the container's Worker does not start")
	}
	names := entries(t, s.store)
	if len(names) != 1 || !strings.HasSuffix(names[0], "-0123456789ab") {
		t.Fatalf("the store has %v", names)
	}
	jump(t, year)
	for range 3 {
		root := exec.Command(s.worker, "-c", "true")
		if text, err := root.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	gc := exec.Command(testkit.Binary(t), "gc", "--runner-root", s.root)
	if text, err := gc.CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", gc, err, text)
	}
	time.Sleep(500 * time.Millisecond) // a sweep beside the starts
	fmt.Fprintln(in, "end")
	select {
	case line := <-out:
		if line != "mine" {
			t.Errorf("the container's Worker finds %q in its _temp", line)
		}
	case <-time.After(testkit.Patience):
		t.Error("the container's Worker does not answer")
	}
	in.Close()
	if err := inside.Wait(); err != nil {
		t.Errorf("its _temp is gone: %v", err)
	}
	ended = true
}
