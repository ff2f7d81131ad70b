package demo_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/demo"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestRunHeld: the runner since 2.336 holds Job B until Job A has ended; beside it worker-wrap waits no longer than is set.
func TestRunHeld(t *testing.T) {
	t.Parallel()
	if err := demo.CanMount(); err != nil {
		testkit.Skip(t, "the shim needs to mount: %v", err)
	}
	dir := testkit.Dir(t)
	var out bytes.Buffer
	err := demo.RunHeld(t.Context(), demo.Options{Out: &out, Program: testkit.Binary(t), Dir: dir, Width: 200})
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("the demo left %v", left)
	}
	said := strings.Join(strings.Fields(out.String()), " ")
	// How long it has waited is a second, and what the machine takes to tell it that.
	for _, want := range []string{"The runner held Job B for ", "neither shown as running nor renewed", "10 times as fast", "WORKER_WRAP_WAIT=10s", `worker-wrap has waited [1-9][0-9]*\.\d s, the most that is set`, `worker-wrap had it wait for [1-9][0-9]*\.\d seconds`} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
