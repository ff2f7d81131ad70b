package starts_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// parallel runs n pieces of work, some at a time.
func parallel(n, atOnce int, work func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				work(int(i))
			}
		})
	}
	wg.Wait()
}

// TestManyAliveAtOnce holds 80 Workers, or 200, of one runner alive, and fewer of each other kind. Each must find what
// it wrote in its _temp and nothing else.
func TestManyAliveAtOnce(t *testing.T) {
	for _, l := range loads {
		t.Run(l.name, func(t *testing.T) {
			g := l.ground(t)
			n, _ := l.numbers()
			shells := make([]*testkit.Process, n)
			for i := range shells {
				shells[i] = g.shell(t)
				shells[i].Do(t, fmt.Sprintf("echo %d > %s/mine", i, g.temp))
			}
			for i, p := range shells {
				if got, want := p.Do(t, fmt.Sprintf("cat %[1]s/mine; ls -A %[1]s | wc -l", g.temp)), fmt.Sprintf("%d\n1", i); got != want {
					t.Fatalf("Worker %d finds %q in its _temp, want %q", i, got, want)
				}
			}
			if got, want := len(childrenOf(t, os.Getpid())), len(g.workers)+len(g.long)+n*l.processes(); got != want {
				t.Errorf("%d processes were started or left, want %d: each Worker, and a Docker proxy where there is a socket", got, want)
			}
			// Half of them empty their _temp, as a Worker does at its end; the others must keep theirs.
			for i, p := range shells {
				if i%2 == 0 {
					p.Do(t, "rm -rf "+g.temp+"/*")
				}
			}
			for i, p := range shells {
				if i%2 == 1 {
					p.Do(t, "test -e "+g.temp+"/mine || exit 9")
				}
			}
			for _, p := range shells {
				p.End()
				if code := p.ProcessState.ExitCode(); code != 0 {
					t.Errorf("a Worker ended with %d", code)
				}
			}
			g.end(t)
		})
	}
}

// processes tells how many there are for each Worker, less those below it.
func (l load) processes() int {
	if l.docker {
		return 2
	}
	return 1
}

// TestManyStartsInARow makes 1,000 starts, or 10,000, and fewer of each other kind, some at a time. What they leave
// is swept by the starts themselves; nothing may have grown after them.
func TestManyStartsInARow(t *testing.T) {
	for _, l := range loads {
		t.Run(l.name, func(t *testing.T) {
			g := l.ground(t)
			_, n := l.numbers()
			parallel(n, runtime.NumCPU(), func(int) {
				if err := g.start(); err != nil {
					t.Error(err)
				}
			})
			g.alone(t) // the proxies of the last ones have ended
			eventually(t, func() error {
				if err := g.start(); err != nil {
					t.Fatal(err)
				}
				g.alone(t)
				names := slices.DeleteFunc(entries(t, g.store), func(name string) bool { return strings.HasSuffix(name, ".docker.sock") })
				return atMostOne(names[min(len(g.workers), len(names)):]) // a Worker that lives has one
			})
			g.end(t)
		})
	}
}

// atMostOne holds a store to the folder that the last start left.
func atMostOne(left []string) error {
	if len(left) > 1 {
		return fmt.Errorf("%d entries are left in the store, want the last start's: %v", len(left), left)
	}
	return nil
}

// left returns what the store has but for the link to the runner's own Worker.
func (s scratch) left(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(entries(t, s.store), func(name string) bool { return name == "real" })
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(testkit.Patience)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
