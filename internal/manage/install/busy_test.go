package install

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// aBusyRunner makes a machine with a runner, and returns the folder that its bin leads to.
func aBusyRunner(t *testing.T) (m machine.Machine, l runner.Layout, bin string) {
	t.Helper()
	testkit.RequireRoot(t)
	m = aMachine(t)
	l = scratch.Runner(t, m.Root, "r", "2.336.0", "/bin/sh")
	bin, err := filepath.EvalSymlinks(l.Bin())
	if err != nil {
		t.Fatal(err)
	}
	return m, l, bin
}

// jobs runs job without a pause, so many at once, until end is called or the test ends, and then once more, as the last.
func jobs(t *testing.T, atOnce int, job func(last bool)) (end func()) {
	stop := make(chan struct{})
	var running sync.WaitGroup
	for range atOnce {
		running.Go(func() {
			for last := false; !last; {
				select {
				case <-stop:
					last = true
				default:
				}
				job(last)
			}
		})
	}
	end = sync.OnceFunc(func() {
		close(stop)
		running.Wait()
	})
	t.Cleanup(end)
	return end
}

// TestUninstallFromABusyRunner takes the shim out under jobs that start without a pause: each of them runs.
func TestUninstallFromABusyRunner(t *testing.T) {
	m, l, bin := aBusyRunner(t)
	o := Options{Machine: m, Layouts: []runner.Layout{l}, Force: true}
	output(&o)
	for range 4 {
		o.BinOnly = false
		good(t, "install", Install(o))
		o.BinOnly = true // the binary stays: what a start has begun goes on
		end := jobs(t, 3, func(bool) {
			if out, err := asNobody(scratch.WorkerIn(bin), "-c", "exit 0").CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
		if err := newRun(o).change(l, entry.Bin{Dir: bin}, entry.UnwrapInUse); err != nil {
			t.Error(err)
		}
		end()
	}
}

// TestWholeUninstallFromABusyRunner takes everything away, again and again, under jobs that start without a pause and
// use their _temp for a moment: no job may lose it, or not start.
func TestWholeUninstallFromABusyRunner(t *testing.T) {
	m, l, bin := aBusyRunner(t)
	o := Options{Machine: m, Layouts: []runner.Layout{l}, Force: true}
	output(&o)
	stays := o
	stays.BinOnly = true // the binary: what a start has begun goes on
	good(t, "install", Install(o))
	end := jobs(t, 3, func(bool) {
		const job = `echo mine > "$0/job" && sleep 0.01 && test "$(cat "$0/job")" = mine`
		cmd := asNobody(scratch.WorkerIn(bin), "-c", `if [ -n "$WORKER_WRAP_HOST_TEMP" ]; then `+job+`; fi`, l.Temp)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	for range 12 {
		newRun(stays).removeStores(l)
		if err := newRun(stays).change(l, entry.Bin{Dir: bin}, entry.UnwrapInUse); err != nil {
			t.Error(err)
		}
		newRun(stays).removeStores(l)
		good(t, "install", Install(o))
	}
	end()
}

// TestBusyRunner installs while jobs start without a pause: each of them runs, before, during and after.
func TestBusyRunner(t *testing.T) {
	m, l, bin := aBusyRunner(t)
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	wrapped, plain := 0, 0
	for range 8 {
		var mu sync.Mutex
		end := jobs(t, 2, func(last bool) {
			out, err := asNobody(scratch.WorkerIn(bin), "-c", `echo "$WORKER_WRAP_HOST_TEMP"`).CombinedOutput()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				t.Errorf("%v: %s", err, out)
			case last && string(out) == "\n":
				t.Error("a job after the install is not wrapped")
			case string(out) == "\n":
				plain++
			default:
				wrapped++
			}
		})
		good(t, "install", Install(o))
		end()
		good(t, "uninstall", Uninstall(o))
	}
	if wrapped < 16 {
		t.Errorf("%d wrapped jobs, %d others", wrapped, plain)
	}
	t.Logf("%d wrapped jobs, %d others", wrapped, plain)
}
