package e2e_test

import (
	"errors"
	"slices"
	"testing"
)

// TestFound: what TestMix has found, each by itself. Workers start one after the other, of one runner or of the other.
func TestFound(t *testing.T) {
	const one, other = 0, 1
	type step struct {
		what   string // a kind; or "end" of all, or "kill" of the keeper of the one in the plain _temp
		runner int
	}
	for _, f := range []struct {
		name  string
		steps []step
	}{
		{"a job starts another runner of its work folder", []step{{"always", one}, {"inner", other}}},
		{"the keeper of a fallback is killed", []step{{"lone", one}, {"end", one}, {"fallback", one}, {"kill", one}, {"lone", one}}},
		{"the keeper of a lone one is killed", []step{{"lone", one}, {"kill", one}, {"lone", one}}},
	} {
		t.Run(f.name, func(t *testing.T) {
			m := newMix(t, 1)
			for _, s := range f.steps {
				var err error
				switch s.what {
				case "end":
					err = m.endOne(false)
				case "kill":
					err = m.killKeeper(m.plain())
				default:
					n := m.newWorker(kinds[slices.IndexFunc(kinds, func(k *kind) bool { return k.name == s.what })])
					n.at = m.runners[s.runner]
					err = m.start([]*worker{n})
				}
				if err := errors.Join(err, m.look()); err != nil {
					t.Fatalf("%s: %v", s.what, err)
				}
			}
		})
	}
}
