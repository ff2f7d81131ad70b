package runner_test

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// FuzzUnitName: what a runner's .service names is one name, as a file of a folder can have it and systemd a unit, and
// leads nowhere else.
func FuzzUnitName(f *testing.F) {
	for _, seed := range []string{
		"actions.runner.o-r.n.service", "\ufeffactions.runner.o-r.n.service\r\n", "../../etc/shadow", "..", ".", "", "a\nb", "a\x00b", "a\x1b[31m.service", strings.Repeat("x", 300), "\ufeff\ufeffx", " a b ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := runner.UnitName(text)
		if name == "" {
			return
		}
		if filepath.Join("/etc/systemd/system", name) != "/etc/systemd/system/"+name || filepath.Base(name) != name || len(name) > 255 ||
			strings.ContainsFunc(name, unicode.IsControl) || !strings.Contains(text, name) || name != strings.TrimSpace(name) {
			t.Fatalf("%q gives %q", text, name)
		}
		if again := runner.UnitName(name + "\n"); again != name && !strings.HasPrefix(name, "\ufeff") {
			t.Fatalf("%q gives %q, and that %q", text, name, again)
		}
	})
}
