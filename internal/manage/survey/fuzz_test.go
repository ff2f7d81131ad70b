package survey

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
)

// FuzzParseVersion: what is taken for a version is written the one way that the runner writes it.
func FuzzParseVersion(f *testing.F) {
	for _, seed := range []string{"2.336.0", "2.336", "2.336.0.1", "+2.336.0", "-1.0.0", "02.1.0", "2.336.99999999999999999999", "2..0", "2.336.0\n", "１.2.3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parseVersion(s)
		if err == nil && fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) != s {
			t.Fatalf("%q is taken for %v", s, v)
		}
		if err == nil && (Before(s, s) || Before(s, "0.0.0") || v[2] > 0 && !Before(fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]-1), s)) {
			t.Fatalf("%q is out of order", s)
		}
	})
}

// FuzzEnv: a .env file gives each name once, with its last value, and read again the answer is the same.
func FuzzEnv(f *testing.F) {
	for _, seed := range []string{"A=1\nB=2\n", "\xef\xbb\xbfA=1\r\nA=2\r\n", "A=\nA=1\nA=\n", "=x\nA\nA==\n", "AB=1\nA=2\nAB=3", "A=\r\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := assignments(text)
		var names []string
		for _, e := range got {
			name, value, ok := strings.Cut(e, "=")
			if !ok || name == "" || strings.Contains(e, "\n") || slices.Contains(names, name) {
				t.Fatalf("%q gives %q", text, got)
			}
			names = append(names, name)
			if environ.Get(got, name) != value {
				t.Fatalf("%q: %s is %q", text, name, environ.Get(got, name))
			}
		}
		joined := strings.Join(got, "\n")
		if strings.HasPrefix(joined, "\xef\xbb\xbf") { // a second mark, which is part of the name
			return
		}
		if again := assignments(joined); !slices.Equal(again, got) {
			t.Fatalf("%q gives %q, and that %q", text, got, again)
		}
		if with := assignments(text + "\nA=last\n"); environ.Get(with, "A") != "last" {
			t.Fatalf("%q and A=last gives %q", text, with)
		}
	})
}

// FuzzParseUnit: what is said of a unit comes from its [Service] sections only, and names a setting that is
// there.
func FuzzParseUnit(f *testing.F) {
	for _, seed := range []string{
		"[Service]\nUser=ci\nNoNewPrivileges=yes\n", "[Service]\nNoNewPrivileges=1\n[Unit]\nNoNewPrivileges=no\n", "[Service]\nUser=ci\nSystemCallFilter=~@mount\nSystemCallFilter=\n",
		"[Service]\nCapabilityBoundingSet=CAP_CHOWN\\\n CAP_SYS_ADMIN\n", "[Service]\nRestrictNamespaces=~mnt\n", " [Service]\n#User=x\n;User=y\nUser = z = w\n", "[Service\nUser=x", "\xff\\\n",
	} {
		f.Add(seed)
	}
	read := func(texts ...string) Unit {
		var u Unit
		for _, text := range texts {
			u.parse("", text)
		}
		u.asWritten()
		return u
	}
	f.Fuzz(func(t *testing.T, text string) {
		u := read(text)
		for _, said := range u.Settings {
			if !strings.Contains(text, said.Key) || !strings.Contains(text, "[Service]") {
				t.Fatalf("%q gives %+v", text, u)
			}
		}
		if with := read("[Unit]\nUser=other\nNoNewPrivileges=yes\nRestrictNamespaces=yes\n", text, "[Install]\nUser=other\n"); !reflect.DeepEqual(with, u) {
			t.Fatalf("%q gives %+v, and between other sections %+v", text, u, with)
		}
		if last := read(text, "[Service]\nUser=last\n"); last.User != "last" || len(last.Settings) != len(u.Settings)+1 {
			t.Fatalf("%q and a file that sets User gives %+v", text, last)
		}
	})
}
