package plan

import (
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// FuzzParseSettings: of an environment only the first string for each WORKER_WRAP_ name counts, and what is
// wrong is told in one line.
func FuzzParseSettings(f *testing.F) {
	for _, seed := range []string{
		"LOG=debug", "PRIVATE=~/.docker=copy:/a", "LEFTOVERS=end", "DOCKER=off", "WAIT=20s\nWAIT=-1s", "WAIT=-1s", "FALLBACK=run", "ISOLATE=overlap\nISOLATE", "BACKING=tmpfs:10%", "USERNS=1", "BACKING=tmpfs:1g,exec",
		"=", "LOG", "HOST_TEMP=/x", "WIAT=20s", "TEST_X=1", "LOG=\x1b[31m",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		var env, firsts []string
		seen := map[string]bool{}
		for _, line := range strings.Split(lines, "\n") {
			env = append(env, "OTHER=1", settingsPrefix+line)
			name, _, ok := strings.Cut(line, "=")
			if ok && !seen[name] {
				seen[name] = true
				firsts = append(firsts, settingsPrefix+line)
			}
		}
		got, err := ParseSettings(env)
		if err != nil {
			if text := visible.Line(err.Error()); strings.ContainsAny(text, "\n\r\x00\x1b") || !strings.Contains(text, settingsPrefix) {
				t.Fatalf("%q: %q", env, text)
			}
			got = Settings{}
		}
		want, werr := ParseSettings(firsts)
		if (err != nil) != (werr != nil) || err == nil && got != want {
			t.Fatalf("%q: %+v, %v; of the first ones alone %+v, %v", env, got, err, want, werr)
		}
		if name, ok := strings.CutPrefix(got.Unknown, settingsPrefix); got.Unknown != "" && (!ok || !seen[name]) {
			t.Fatalf("%q: %q is unknown", env, got.Unknown)
		}
	})
}
