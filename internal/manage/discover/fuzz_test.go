package discover

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// FuzzParse: the place of a unit's runner stays the same behind other sections' lines and comments, and with lines
// folded; and what is named later counts.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"[Service]\nExecStart=/r/runsvc.sh\nUser=ci\nWorkingDirectory=/r\n", "ExecStart=-/r/run.sh --once\n", "ExecStart=\"/a b/run.sh\" x\nWorkingDirectory='/a b'\n",
		"WorkingDirectory = -/r/../s\\\n/t\nUser=\n", "WorkingDirectory=\"\n", "ExecStart=@.sh\n", "=\n\xff=\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u := parse(text)
		for _, root := range u.roots {
			if root != filepath.Clean(root) || !filepath.IsAbs(root) || strings.ContainsAny(root+u.user, "\n") && !strings.ContainsAny(text, "\v\f\r") {
				t.Fatalf("%q gives %q", text, u)
			}
		}
		if with := parse("# x=y\n[Unit]\nDescription=z\n" + text); !reflect.DeepEqual(with, u) {
			t.Fatalf("%q gives %q, and behind a comment and a section %q", text, u, with)
		}
		if strings.HasSuffix(text, "\\") {
			return
		}
		if later := parse(text + "\nWorkingDirectory=/later\nUser=last\n"); later.roots[0] != "/later" || later.user != "last" {
			t.Fatalf("%q and something later gives %q", text, later)
		}
	})
}
