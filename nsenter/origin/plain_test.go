package origin_test

import (
	"os"
	"slices"
	"testing"

	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// TestWithoutEntry: in a program that is linked as Go has it, as this one is, there is what package os shows.
func TestWithoutEntry(t *testing.T) {
	if origin.Captured() || origin.Noted() != (origin.Inherited{}) {
		t.Fatalf("captured %v, noted %+v", origin.Captured(), origin.Noted())
	}
	t.Setenv("GODEBUG", "none=1") // which ShowEnvironment would hide
	before := os.Environ()
	origin.ShowEnvironment()
	if !slices.Equal(os.Environ(), before) || !slices.Equal(origin.Environ(), before) || !slices.Equal(origin.Args(), os.Args) {
		t.Errorf("environment %q, want %q; arguments %q, want %q", origin.Environ(), before, origin.Args(), os.Args)
	}
}
