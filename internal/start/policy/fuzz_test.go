package policy

import (
	"strings"
	"testing"
)

// FuzzSet: a value is taken or refused in one short line, whatever was set before; what is taken is in range,
// and set once more is the same.
func FuzzSet(f *testing.F) {
	for _, seed := range []string{"USERNS=1", "USERNS=maybe", "WAIT=20s", "WAIT=-1s", "WAIT=9223372036854775807ns", "WAIT=1e9h", "FALLBACK=run", "ISOLATE=overlap", "BACKING=tmpfs:10%", "BACKING=tmpfs:+1g", "BACKING=tmpfs:4294967296t", "BACKING=dir:1g", "=", "X"} {
		name, value, _ := strings.Cut(seed, "=")
		f.Add(name, value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		var s Settings
		known, err := s.Set(name, value)
		if !known && (s != Settings{} || err != nil) {
			t.Fatalf("%q is unknown, and set: %+v, %v", name, s, err)
		}
		if err != nil {
			if text := err.Error(); text == "" || len(text) > 200 || strings.ContainsAny(text, "\n\r") {
				t.Fatalf("%q=%q is refused with %q", name, value, text)
			}
			return
		}
		if s.Wait < 0 || s.Fallback < 0 || s.Fallback > FallbackRun || s.Isolate < 0 || s.Isolate > Alone || s.Backing < Dir || s.Backing > Tmpfs {
			t.Fatalf("%q=%q gives %+v", name, value, s)
		}
		if (s.Size != "") != (name == "BACKING" && strings.Contains(value, ":")) || strings.Trim(s.Size, "0123456789kKmMgGtT%") != "" || s.Size != "" && s.Backing != Tmpfs {
			t.Fatalf("%q=%q gives the size %q", name, value, s.Size)
		}
		again := s
		if _, err := again.Set(name, value); err != nil || again != s {
			t.Fatalf("%q=%q gives %+v and then %+v (%v)", name, value, s, again, err)
		}
		if _, err := again.Set(name, ""); err != nil || known && again != (Settings{}) {
			t.Fatalf("after %q=%q an empty value leaves %+v (%v)", name, value, again, err)
		}
	})
}
