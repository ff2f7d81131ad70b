package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFound: what TestMix has found, each by itself. Workers start one after the other, of one runner or of the other.
func TestFound(t *testing.T) {
	const one, other = 0, 1
	type step struct {
		// A kind; or "end" of one, "end job" of one that has started another, "kill" of the keeper of the one in the plain _temp.
		what   string
		runner int
	}
	for _, f := range []struct {
		name  string
		steps []step
	}{
		{"a job starts another runner of its work folder", []step{{"always", one}, {"inner", other}}},
		{"the keeper of a fallback is killed", []step{{"lone", one}, {"end", one}, {"fallback", one}, {"kill", one}, {"lone", one}}},
		{"the keeper of another runner's fallback is killed", []step{{"fallback", one}, {"kill", one}, {"lone", other}}},
		{"the keeper of another runner's lone one is killed", []step{{"lone", one}, {"kill", one}, {"lone", other}, {"lone", one}}},
		{"an unwrapped one of another runner lives", []step{{"lone", other}, {"end", other}, {"unwrapped", one}, {"lone", other}, {"container", other}}},
		{"a job ends before what it has started", []step{{"lone", one}, {"lone", one}, {"inner", other}, {"end job", one}, {"lone", one}, {"lone", other}}},
		{"a job ends before what it has started, without a keeper", []step{{"always", one}, {"inner", other}, {"end job", one}, {"always", one}, {"lone", other}}},
		{"the keeper of a lone one is killed", []step{{"lone", one}, {"kill", one}, {"lone", one}}},
	} {
		t.Run(f.name, func(t *testing.T) {
			m := newMix(t, 1)
			for _, s := range f.steps {
				var err error
				switch s.what {
				case "end":
					err = m.endOne(false)
				case "end job":
					err = m.endJob()
				case "kill":
					err = m.killKeeper(m.plain())
				default:
					err = m.startOne(s.what, s.runner)
				}
				if err := errors.Join(err, m.look()); err != nil {
					t.Fatalf("%s: %v", s.what, err)
				}
			}
		})
	}
}

// TestInstallBesideLateKeeper: an install leaves a keeper beside an unwrapped Worker also if that of one that has ended
// still has its locks.
func TestInstallBesideLateKeeper(t *testing.T) {
	m := newMix(t, 1)
	late, err := os.Open(filepath.Dir(m.temp))
	if err := errors.Join(err, unix.Flock(int(late.Fd()), unix.LOCK_EX)); err != nil {
		t.Fatal(err)
	}
	// By chance the install comes after that, and finds the locks free.
	time.AfterFunc(500*time.Millisecond, func() { late.Close() })
	for at, what := range []string{"unwrapped", "lone"} {
		if err := errors.Join(m.startOne(what, at), m.look()); err != nil {
			t.Fatal(err)
		}
	}
}

// startOne starts a Worker of a kind, by the kind's name, and of a runner.
func (m *mix) startOne(what string, runner int) error {
	n := m.newWorker(kinds[slices.IndexFunc(kinds, func(k *kind) bool { return k.name == what })])
	n.at = m.runners[runner]
	return m.start([]*worker{n})
}

// endJob ends a Worker whose job has started another.
func (m *mix) endJob() error {
	for _, n := range m.alive {
		if n.job != nil {
			m.alive = slices.DeleteFunc(m.alive, func(other *worker) bool { return other == n.job })
			return n.job.end(false)
		}
	}
	return errors.New("no job has started any")
}
