package runner

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestVersionOf(t *testing.T) {
	deps := `{"targets":{".NETCoreApp,Version=v8.0/linux-x64":{"Runner.Listener/2.333.1":{"dependencies":{}}}}}`
	log := "[2026-04-20 11:55:19Z INFO Listener] Runner package linux-x64.\n[2026-04-20 11:55:19Z INFO Listener] Version: %s\n"
	tests := []struct {
		name  string
		files map[string]string
		link  string
		want  string
		from  string
	}{
		{"what bin holds", map[string]string{"bin.2.334.0/Runner.Listener.deps.json": deps, "_diag/Runner_1.log": fmt.Sprintf(log, "2.1.0")}, "bin.2.334.0", "2.333.1", "deps.json"},
		{"the link's name", map[string]string{"bin.2.334.0/x": ""}, "bin.2.334.0", "2.334.0", "bin"},
		{"the newest log", map[string]string{
			"_diag/Runner_20260101-000000-utc.log": fmt.Sprintf(log, "2.300.0"),
			"_diag/Runner_20260201-000000-utc.log": fmt.Sprintf(log, "2.301.0"),
			"_diag/Worker_20260301-000000-utc.log": fmt.Sprintf(log, "2.302.0"),
		}, "", "2.301.0", "Runner_20260201-000000-utc.log"},
		{"nonsense", map[string]string{"bin.old/Runner.Listener.deps.json": `"Runner.Listener/new"`}, "bin.old", "", ""},
		{"nothing", nil, "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := testkit.Files(t, test.files)
			if test.link != "" {
				if err := os.Symlink(test.link, filepath.Join(root, "bin")); err != nil {
					t.Fatal(err)
				}
			}
			version, from := VersionOf(root)
			if version != test.want || !strings.HasSuffix(from, test.from) {
				t.Errorf("%q from %q, want %q from %q", version, from, test.want, test.from)
			}
		})
	}
}

func TestBefore(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"2.335.9", "2.336.0", true},
		{"2.336.0", "2.336.0", false},
		{"2.1000.0", "2.336.0", false},
		{"1.999.0", "2.0.0", true},
		{"", "2.336.0", false},
		{"2.3", "2.336.0", false},
		{"2.3.-1", "2.336.0", false},
	} {
		if got := Before(test.a, test.b); got != test.want {
			t.Errorf("Before(%q, %q) = %v", test.a, test.b, got)
		}
	}
}

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

// FuzzVersionIn: a version is what stands, whole, between the first mark and the next end.
func FuzzVersionIn(f *testing.F) {
	for _, seed := range []string{
		`{"targets":{"Runner.Listener/2.336.0":{}}}`, `"Runner.Listener/2.336`, `"Runner.Listener/2.336.1`, `"Runner.Listener/x" "Runner.Listener/2.336.0"`, `"Runner.Listener/ 2.336.0 "`, `"Runner.Listener/"2.336.0"`,
		"[2026-01-01 00:00:00Z INFO Listener] Version: 2.336.0\r\n", "] Version: 2.336.1",
	} {
		f.Add(seed)
	}
	deps, log := regexp.MustCompile(`^(?s:.*?)"Runner\.Listener/([^"]*)"`), regexp.MustCompile(`^(?s:.*?)\] Version: ([^\n]*)\n`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range []struct {
			mark string
			end  byte
			as   *regexp.Regexp
		}{{`"Runner.Listener/`, '"', deps}, {"] Version: ", '\n', log}} {
			want := ""
			if m := c.as.FindSubmatch([]byte(text)); m != nil {
				if v := strings.TrimSpace(string(m[1])); isVersion(v) {
					want = v
				}
			}
			if got := parseVersionIn([]byte(text), c.mark, c.end); got != want {
				t.Fatalf("%q: %q, want %q", text, got, want)
			}
		}
	})
}

// FuzzParseNoUpdates: updates are off if the JSON has that key, in whatever case, and its last value is true.
func FuzzParseNoUpdates(f *testing.F) {
	for _, seed := range []string{
		`{"disableUpdate":true}`, "\ufeff{\"DISABLEUPDATE\":true}", `{"disableUpdate":true,"disableupdate":false}`, `{"disableUpdate":"true"}`, `{"disableUpdate":1}`,
		`{"a":{"disableUpdate":true}}`, `[{"disableUpdate":true}]`, `{"disableUpdate":true}x`, `{"disableUpdate":null}`, `{"disable\u0055pdate":true}`, `{"disableUpdate":true,"disableUpdate":null}`, "null", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data string) {
		text := strings.TrimPrefix(data, "\ufeff")
		want := false
		if json.Valid([]byte(text)) {
			// Token by token, as a map would keep one of equal keys only.
			d := json.NewDecoder(strings.NewReader(text))
			d.UseNumber()
			open, err := d.Token()
			for open == json.Delim('{') && err == nil && d.More() {
				var key json.Token
				var value any
				if key, err = d.Token(); err == nil {
					err = d.Decode(&value)
				}
				if err == nil && strings.EqualFold(key.(string), "disableUpdate") {
					switch value := value.(type) {
					case nil: // changes nothing
					case bool:
						want = value
					default:
						want, err = false, fmt.Errorf("%v", value)
					}
				}
			}
			want = want && err == nil
		}
		if got := parseNoUpdates(data); got != want {
			t.Fatalf("%q: %v, want %v", data, got, want)
		}
	})
}
