package starts_test

import (
	"fmt"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestLittleMemory starts Workers with RLIMIT_AS and RLIMIT_DATA from far too small to enough, closely around
// the size with which a start begins to work: there another allocation of the runtime's fails each time.
func TestLittleMemory(t *testing.T) {
	testkit.RequireRoot(t)
	for _, limit := range []struct {
		option     string // of sh's ulimit, in KiB
		small, big int
	}{
		// With less the kernel cannot even map the program.
		{"-v", 16 << 10, 8 << 20},
		{"-d", 2 << 10, 1 << 20},
	} {
		for way, shim := range ways(t) {
			t.Run(limit.option+" "+way, func(t *testing.T) {
				s := ordinary(t, shim)
				settings := []string{"USERNS=0"}
				if way == "bare" {
					settings = []string{"USERNS=1"}
				}
				count := map[string]int{}
				starts := func(size int) bool {
					c := command(settings, "/bin/sh", "-c", `ulimit "$0" "$1" && shift && exec "$@"`, limit.option, itoa(size), s.worker, "-c", program(s.temp))
					e := finish(t, c, s.temp)
					e.supervised = way == "bare"
					got, err := e.allowed(isolated, refused)
					if err != nil {
						t.Errorf("with %d KiB: %v", size, err)
					}
					count[got]++
					return got == isolated
				}
				if starts(limit.small) || !starts(limit.big) {
					t.Fatalf("%d KiB and %d KiB do not make the difference", limit.small, limit.big)
				}
				no, yes := limit.small, limit.big
				for yes-no > 64 {
					if middle := (no + yes) / 2; starts(middle) {
						yes = middle
					} else {
						no = middle
					}
				}
				for part := range 24 {
					starts(yes * (88 + part) / 100)
				}
				t.Log(fmt.Sprintf("a start needs %d KiB: ", yes), count)
			})
		}
	}
}
