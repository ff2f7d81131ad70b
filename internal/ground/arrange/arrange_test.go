package arrange_test

import (
	"slices"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/arrange"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestStable: in order, and what is equal as it was, as the slices package has it.
func TestStable(t *testing.T) {
	type pair struct{ key, was int }
	var s []pair
	for i := range 100 {
		s = append(s, pair{i * 37 % 11, i})
	}
	want := slices.Clone(s)
	byKey := func(a, b pair) int { return a.key - b.key }
	slices.SortStableFunc(want, byKey)
	arrange.Stable(s, byKey)
	if !slices.Equal(s, want) {
		t.Errorf("%v, want %v", s, want)
	}
	arrange.Stable[pair](nil, byKey)
}
