package perpid

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// FuzzParseClaim: a claim names who wrote it, half of one names nobody, and what names somebody is what they would
// have written.
func FuzzParseClaim(f *testing.F) {
	f.Add(4711, uint64(815), uint64(initPIDNS), uint64(0x0123456789ab), "1-2-3-0123456789ab\n")
	f.Add(1, uint64(math.MaxUint64), uint64(0), uint64(1<<48-1), "1-2-3-0123456789ab.docker.sock\n")
	f.Add(1, uint64(1), uint64(1), uint64(1), "1-2-3-0123456789ab.2\n")
	f.Add(1, uint64(1), uint64(1), uint64(1), "01-2-3-0123456789ab\n\n")
	f.Add(1, uint64(1), uint64(1), uint64(1), "1-2-3-0123456789ab\x00")
	f.Fuzz(func(t *testing.T, pid int, start, ns, boot uint64, text string) {
		if pid > 0 {
			o := Owner{pid, start, ns, fmt.Sprintf("%012x", boot&(1<<48-1))}
			written := o.String() + "\n"
			if got, kept, ok := parseClaim(written); !ok || kept || got != o {
				t.Fatalf("%q gives %+v, %v", written, got, ok)
			}
			for cut := range len(written) - 1 {
				if got, _, ok := parseClaim(written[:cut]); ok {
					t.Fatalf("%q gives %+v", written[:cut], got)
				}
			}
		}
		if got, _, ok := parseClaim(text); ok && strings.TrimSuffix(text, "\n") != got.String() {
			t.Fatalf("%q gives %+v", text, got)
		}
	})
}
