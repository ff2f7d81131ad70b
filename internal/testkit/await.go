package testkit

import (
	"testing"
	"time"
)

// Patience is how long a test waits at most for what must come, no matter when: no busy machine takes as long.
const Patience = 5 * time.Minute

// Await waits until ok, and ends the test if that does not come: what names the awaited event.
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("this does not come: %s", what)
		}
	}
}
