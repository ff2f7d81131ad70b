package cmdline

import (
	"strings"
	"testing"
	"time"
)

// FuzzParseAge: an age is never negative, and what Go takes for a duration means the same here.
func FuzzParseAge(f *testing.F) {
	for _, seed := range []string{"", "30m", "12h", "7d", "0.5d", "-1d", "1e300d", "infd", "nand", "0x10d", "106752d", "1d2h", "7D", "-0d", "1_0d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseAge(s)
		if err != nil {
			if got != 0 || !strings.Contains(err.Error(), "--older-than") {
				t.Fatalf("%q: %v, %v", s, got, err)
			}
			return
		}
		if got < 0 {
			t.Fatalf("%q is %v", s, got)
		}
		if want, err := time.ParseDuration(s); err == nil && got != want {
			t.Fatalf("%q is %v, not %v", s, got, want)
		}
		if strings.HasSuffix(s, "d") && got > 0 && got%time.Microsecond == 0 && got < 1000*time.Hour {
			if again, err := ParseAge(got.String()); err != nil || again != got {
				t.Fatalf("%q is %v, and that %v (%v)", s, got, again, err)
			}
		}
	})
}
