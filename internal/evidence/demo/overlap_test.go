package demo_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/demo"
	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const atOnce = 50

// TestOverlaps lets the issue happen a hundred times with the shim (a thousand times in scripts/test load), and a
// hundred times without, fifty at once: each time Job B's files are made, then Job A is cancelled and empties its
// _temp, and then Job B looks for its files. Without the shim all Jobs B fail, with it none. Nothing in it depends on
// how fast the machine is.
func TestOverlaps(t *testing.T) {
	if err := demo.CanMount(); err != nil {
		testkit.Skip(t, "the shim needs to mount: %v", err)
	}
	dir, program := testkit.Dir(t), testkit.Binary(t) // never one with the race detector in it
	pairs := int64(100)
	if os.Getenv("WORKER_WRAP_TEST_FULL_LOAD") != "" {
		pairs = 1000
	}
	for name, c := range map[string]struct {
		shim  string
		pairs int64
		want  int
	}{"without": {"", 100, standin.Failed.ExitCode()}, "with": {program, pairs, standin.Succeeded.ExitCode()}} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			var next, failed atomic.Int64
			var all sync.WaitGroup
			for slot := range atOnce {
				all.Go(func() {
					r, err := newPairRunner(filepath.Join(dir, fmt.Sprint(name, slot)), program, c.shim)
					if err != nil {
						t.Error(err)
						return
					}
					defer r.Close()
					for next.Add(1) <= c.pairs && !t.Failed() {
						if err := r.pair(); err != nil {
							t.Errorf("runner %d: %v", slot, err)
							break
						}
						switch b := r.b.Wait(); {
						case b.Code != c.want:
							t.Errorf("runner %d: Job B, which should exit with %d: %+v", slot, c.want, b)
							fallthrough
						case b.Code == standin.Failed.ExitCode():
							failed.Add(1)
						}
					}
					if err := r.swept(); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if want := map[bool]int64{true: c.pairs}[c.want == standin.Failed.ExitCode()]; failed.Load() != want {
				t.Errorf("of %d Jobs B, %d failed, and %d should have", c.pairs, failed.Load(), want)
			}
			t.Logf("of %d Jobs B, %d failed; %.1f s", c.pairs, failed.Load(), time.Since(began).Seconds())
		})
	}
}

// pairRunner is a runner that overlaps its Workers, pair after pair.
type pairRunner struct {
	*standin.Listener
	root     standin.Root
	a, b     *standin.Worker
	up, down *os.File // FIFOs in which Job B's step says that it runs, and hears that Job A is over

	mu   sync.Mutex
	seen map[string]chan struct{} // closed when a record begins so
}

func newPairRunner(dir, program, shim string) (*pairRunner, error) {
	root, err := standin.MakeRoot(dir, standin.RootOptions{Program: program})
	if err != nil {
		return nil, err
	}
	if shim != "" {
		worker := filepath.Join(root.Bin, standin.WorkerName)
		if err := os.Rename(worker, worker+".real"); err != nil {
			return nil, err
		}
		if err := os.Symlink(shim, worker); err != nil {
			return nil, err
		}
	}
	r := &pairRunner{root: root}
	for path, file := range map[string]**os.File{"up": &r.up, "down": &r.down} {
		path = filepath.Join(dir, path)
		if err := unix.Mkfifo(path, 0o600); err != nil {
			return nil, err
		}
		// Opened for both, so that neither side waits and what is written stays until it is read.
		if *file, err = os.OpenFile(path, os.O_RDWR, 0); err != nil {
			return nil, err
		}
	}
	r.Listener = &standin.Listener{Root: root.Dir, Trace: r.observe, Held: 30 * time.Second}
	return r, nil
}

func (r *pairRunner) Close() error {
	r.up.Close()
	r.down.Close()
	return r.Listener.Close()
}

// expecting prepares to wait for a Worker's record that begins with prefix.
func (r *pairRunner) expecting(prefix string) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := make(chan struct{})
	r.seen = map[string]chan struct{}{prefix: c}
	return c
}

func (r *pairRunner) observe(record standin.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for prefix, c := range r.seen {
		if record.PID != 0 && strings.HasPrefix(record.Message, prefix) {
			delete(r.seen, prefix)
			close(c)
		}
	}
}

// pair lets two Workers overlap, and says what was not as it should be.
func (r *pairRunner) pair() (err error) {
	running := r.expecting("Created ")
	if r.a, err = r.Dispatch(standin.Job{Name: "A", Steps: []standin.Step{{Name: "long", Sleep: time.Hour}}}); err != nil {
		return err
	}
	defer r.a.Abort()
	if err := either(running, r.a); err != nil {
		return err
	}
	if r.b, err = r.Start(standin.Job{Name: "B", Padding: 40_000, Steps: []standin.Step{
		{Name: "output", Run: fmt.Sprintf("echo up >%s\nread line <%s\n", r.up.Name(), r.down.Name()) + standin.SetOutput("name", "value")},
	}}); err != nil {
		return err
	}
	defer r.b.Abort()
	up := make(chan struct{})
	go func() {
		if n, _ := r.up.Read(make([]byte, 16)); n > 0 {
			close(up)
		}
	}()
	if err := either(up, r.b); err != nil {
		return err
	}
	if err := r.a.Cancel(); err != nil {
		return fmt.Errorf("Job A cannot be cancelled: %w: %+v", err, r.a.Wait())
	}
	a := r.a.Wait()
	if _, err := r.down.WriteString("A is over\n"); err != nil {
		return err
	}
	if a.Code != standin.Canceled.ExitCode() || a.Held != nil {
		return fmt.Errorf("Job A: %+v", a)
	}
	if b := r.b.Wait(); b.Held != nil {
		return fmt.Errorf("Job B: %+v", b)
	}
	return nil
}

// either waits for a record, or for the end of the Worker that should have written it.
func either(c <-chan struct{}, w *standin.Worker) error {
	select {
	case <-c:
		return nil
	case <-w.Done():
		return fmt.Errorf("Job %s ended too early: %+v", w.Job.Name, w.Wait())
	}
}

// swept checks that the private folders of a runner's earlier pairs are gone.
func (r *pairRunner) swept() error {
	left, err := os.ReadDir(filepath.Join(r.root.Dir, ".worker-wrap"))
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if len(left) > 2 {
		return fmt.Errorf("%s: the folders of more than the last two Workers are left: %v", r.root.Work, left)
	}
	return nil
}
