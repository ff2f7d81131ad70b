package e2e_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// How many Workers are started, how many live at most, and how many start at one moment.
const (
	fewStarts  = 40
	fullStarts = 10_000
	most       = 10
	atOnce     = 3
)

// seedVar gives the seed of the mix. Without it a short run has always the same, and a full one the clock's. startsVar
// gives another number of starts.
const (
	seedVar   = "WORKER_WRAP_TEST_SEED"
	startsVar = "WORKER_WRAP_TEST_STARTS"
)

// TestMix: of any number of living Workers of every kind at most one is in the plain _temp; each has its own files and
// nobody else's. One that is to be left alone is, if nobody else is in the plain _temp.
func TestMix(t *testing.T) {
	starts, seed := fewStarts, uint64(1)
	if os.Getenv("WORKER_WRAP_TEST_FULL_LOAD") != "" {
		starts, seed = fullStarts, uint64(time.Now().UnixNano())
	}
	if given, err := strconv.ParseUint(os.Getenv(seedVar), 10, 64); err == nil {
		seed = given
	}
	if given, err := strconv.Atoi(os.Getenv(startsVar)); err == nil {
		starts = given
	}
	m := newMix(t, seed)
	m.old = oldBinary(t)
	for m.next < starts {
		if err := errors.Join(m.step(), m.look()); err != nil {
			t.Fatalf("%v\nseed %d (%s), step %d; before it:\n%s", err, seed, seedVar, m.steps, strings.Join(m.last, "\n"))
		}
	}
	for len(m.alive) > 0 {
		if err := m.endOne(false); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.unlocked(); err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d, %d starts in %d steps: %v", seed, m.next, m.steps, m.count)
}

// mix is one run, which the seed decides.
type mix struct {
	*world
	random *rand.Rand
	steps  int
	last   []string // what the last steps were
	count  map[string]int
}

func newMix(t *testing.T, seed uint64) *mix {
	t.Helper()
	return &mix{world: newWorld(t), random: rand.New(rand.NewPCG(seed, 0)), count: map[string]int{}}
}

func (m *mix) note(format string, args ...any) {
	if m.last = append(m.last, fmt.Sprintf(format, args...)); len(m.last) > 25 {
		m.last = m.last[1:]
	}
}

// step does one thing: Workers start, one ends, is killed, or is killed and started again, or a keeper is killed.
func (m *mix) step() error {
	m.steps++
	switch choice := m.random.IntN(10); {
	case len(m.alive) == 0 || choice < 5 && len(m.alive) < most:
		return m.startSome()
	case choice < 7:
		return m.endOne(false)
	case choice < 8:
		return m.endOne(true)
	case choice < 9:
		return m.restart()
	}
	if n := m.plain(); n != nil && !n.kind.far && !n.kind.blind && !n.bare {
		return m.killKeeper(n)
	}
	return nil
}

func (m *mix) killKeeper(n *worker) error {
	m.note("the keeper of %s is killed", n.id)
	m.count["keeper killed"]++
	// One that has just been forked may not have had the time to give itself its name.
	for end := time.Now().Add(testkit.Patience); !killKeeper(n); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("%s is in the plain _temp and has no keeper", n.id)
		}
	}
	n.bare = true
	return nil
}

// startSome starts one Worker or more at one moment.
func (m *mix) startSome() error {
	var all []*worker
	for range 1 + m.random.IntN(min(atOnce, most-len(m.alive))) {
		k := kinds[m.random.IntN(len(kinds))]
		if len(all) > 0 && (k.apart || k.plain) {
			break
		}
		all = append(all, m.newWorker(k))
		if k.apart || k.plain {
			break
		}
	}
	return m.start(all)
}

func (m *mix) newWorker(k *kind) *worker {
	m.next++
	at := m.runners[m.random.IntN(len(m.runners))]
	return &worker{kind: k, at: at, id: fmt.Sprintf("%d-%s-%s", m.next, k.name, at.name), temp: m.temp}
}

func (m *mix) start(all []*worker) error {
	before := m.plain()
	all = slices.DeleteFunc(all, func(n *worker) bool { return !m.possible(n, before) })
	failed := make([]error, len(all))
	var each sync.WaitGroup
	for i, n := range all {
		m.note("%s starts", n.id)
		each.Go(func() { failed[i] = n.kind.start(m.world, n, argv(n.kind, n.at)) })
	}
	each.Wait()
	for i, n := range all {
		if errors.Is(failed[i], errNotNow) {
			continue
		}
		if failed[i] != nil {
			return fmt.Errorf("%s: %w", n.id, failed[i])
		}
		m.alive = append(m.alive, n)
		if n.job != nil {
			m.note("%s was started by %s", n.id, n.job.id)
		}
		how := " in its own"
		if m.isPlain(n) {
			how = " in the plain one"
		}
		m.count[n.kind.name+how]++
		if want := n.kind.plain || n.kind.alone && len(all) == 1 && before == nil; want && !m.isPlain(n) {
			return fmt.Errorf("%s is not in the plain _temp, and nobody else is", n.id)
		}
	}
	return nil
}

// possible reports whether worker-wrap can see to it that this one shares no _temp, beside the one in the plain one.
func (m *mix) possible(n, plain *worker) bool {
	orphaned := func(other *worker) bool { return other.job != nil && !slices.Contains(m.alive, other.job) }
	switch {
	case n.kind.blind && slices.ContainsFunc(m.alive, orphaned): // an older build sweeps without asking for a lock
		return false
	case plain == nil:
		return true
	case n.kind.plain: // it asks nobody
		return false
	case plain.bare && n.kind.far: // a container sees no process of its
		return false
	case n.kind.blind && plain.at != n.at: // an older build asks for no lock
		return false
	}
	return true
}

// take takes one of those that live.
func (m *mix) take() *worker {
	n := m.alive[m.random.IntN(len(m.alive))]
	m.alive = slices.DeleteFunc(m.alive, func(other *worker) bool { return other == n })
	return n
}

func (m *mix) endOne(kill bool) error {
	n := m.take()
	m.note("%s ends, killed: %v", n.id, kill)
	if err := m.end(n, kill); err != nil {
		return fmt.Errorf("%s: %w", n.id, err)
	}
	return nil
}

// end ends a Worker. If it was the one in the plain _temp its keeper has let go then. A start waits two seconds for that
// at most, and one in another PID namespace mostly not at all.
func (m *mix) end(n *worker, kill bool) error {
	plain := m.isPlain(n)
	if err := n.end(kill); err != nil || !plain {
		return err
	}
	return m.unlocked()
}

// restart kills a Worker, a container among them, and starts such a Worker again.
func (m *mix) restart() error {
	old := m.take()
	m.note("%s is killed and started again", old.id)
	end := m.end
	if old.kind == lone { // the next one waits for that keeper
		end = (*worker).end
	}
	if err := end(old, true); err != nil {
		return fmt.Errorf("%s: %w", old.id, err)
	}
	n := m.newWorker(old.kind)
	n.at = old.at
	return m.start([]*worker{n})
}

// look looks at every living Worker from inside, and at the plain _temp.
func (m *mix) look() error {
	failed := make([]error, len(m.alive))
	var each sync.WaitGroup
	for i, n := range m.alive {
		each.Go(func() {
			if err := n.look(); err != nil {
				failed[i] = fmt.Errorf("%s: %w", n.id, err)
			}
		})
	}
	each.Wait()
	var plain []string
	for _, n := range m.alive {
		if m.isPlain(n) {
			plain = append(plain, n.id)
		}
	}
	if len(plain) > 1 {
		failed = append(failed, fmt.Errorf("%q are in the plain _temp", plain))
	}
	return errors.Join(failed...)
}

// unlocked waits until nobody holds a lock on the work folder, _temp or a runner's root. A keeper frees one by one.
func (w *world) unlocked() error {
	places := []string{filepath.Dir(w.temp), w.temp}
	for _, h := range w.runners {
		places = append(places, h.root)
	}
	for _, path := range places {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) { // _temp of a job that has removed it
			continue
		}
		if err != nil {
			return err
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
