package policy

import (
	"math/big"
	"strings"
	"testing"
	"time"
)

// FuzzPatience: no start waits longer than the Listener does, as the runner reads its setting (JobDispatcher.cs:
// int.TryParse, else 30, and from 30 to 300), less what a refusal needs; nor longer than it is told to; and a
// warning comes if that is too long, and not else.
func FuzzPatience(f *testing.F) {
	for _, seed := range []string{"", "5", "30", "120", "300", "100000", "2147483647", "2147483648", "3000000000", "10000000000", "18446744073", "-120", "+120", " 120\t", "1_0", "0x78", "120s", "１２０"} {
		f.Add(int64(time.Hour), 0, seed)
		f.Add(int64(28*time.Second), 1, seed)
		f.Add(int64(0), 1, seed)
	}
	f.Fuzz(func(t *testing.T, wait int64, fallback int, channel string) {
		if wait < 0 || fallback < 0 || fallback > int(FallbackRun) {
			return
		}
		s := Settings{Wait: time.Duration(wait), Fallback: Fallback(fallback)}
		d, warning := s.Patience(channel)
		limit := 30 * time.Second
		number := strings.TrimPrefix(strings.Trim(channel, " \t\n\v\f\r"), "+")
		if n, ok := new(big.Int).SetString(number, 10); ok && strings.Trim(number, "0123456789") == "" && n.Cmp(big.NewInt(1<<31)) < 0 {
			limit = time.Duration(min(max(n.Int64(), 30), 300)) * time.Second
		}
		want := s.Wait
		if want == 0 && s.Fallback == FallbackWait {
			want = 20 * time.Second
		}
		longest := limit - 7*time.Second
		if d != min(want, longest) {
			t.Fatalf("%+v and %q give %v, and the Listener waits for %v", s, channel, d, limit)
		}
		if (warning != "") != (want > longest) || strings.ContainsAny(warning, "\n\r\x1b") || len(warning) > 300 {
			t.Fatalf("%+v and %q give %v and warn with %q", s, channel, d, warning)
		}
	})
}
