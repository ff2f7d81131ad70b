package survey

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
)

// FuzzParseStatus: whatever a process calls itself, what /proc has of it behind that is found.
func FuzzParseStatus(f *testing.F) {
	f.Add("cat", uint32(1000), true, 2, uint64(1<<21), uint64(1<<41-1), "Uid:\n")
	f.Add("\nUid:\t0\n", uint32(0), false, 0, uint64(0), uint64(0), "CapEff:\tx\nCapBnd\nSeccomp:\t9999999999999999999999\n:::\n")
	f.Add(`a\nCapEff: f`, uint32(1<<31-1), true, 1, uint64(1<<64-1), uint64(1), "\x00Uid:\t \n")
	f.Fuzz(func(t *testing.T, name string, uid uint32, nnp bool, seccomp int, eff, bnd uint64, text string) {
		var any Process
		any.parseStatus(procfs.Status(text))
		if strings.ContainsAny(any.Name, "\n") || any.UID != 0 && !strings.Contains(text, "Uid:") || any.CapEff != 0 && !strings.Contains(text, "CapEff:") {
			t.Fatalf("%q gives %+v", text, any)
		}
		n := map[bool]int{true: 1}[nnp]
		uid, seccomp = uid&(1<<31-1), seccomp&3
		name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name[:min(len(name), 15)])
		status := fmt.Sprintf("Name:\t%s\nUmask:\t0022\nUid:\t%d\t1\t2\t3\nGid:\t7\t7\t7\t7\nGroups:\t8 9 \nCapInh:\t0000000000000001\nCapPrm:\t0000000000000002\n"+
			"CapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\nNoNewPrivs:\t%d\nSeccomp:\t%d\nSeccomp_filters:\t3\n", name, uid, eff, bnd, eff&bnd, n, seccomp)
		var got Process
		got.parseStatus(procfs.Status(status))
		if want := (Process{Name: strings.TrimSpace(name), UID: int(uid), GID: 7, Groups: []int{8, 9}, NoNewPrivs: nnp, Seccomp: seccomp, CapPrm: 2, CapEff: eff, CapBnd: bnd, CapAmb: eff & bnd}); !reflect.DeepEqual(got, want) {
			t.Fatalf("%q gives %+v, want %+v", status, got, want)
		}
	})
}

// FuzzParseNoUpdates: updates are off where the JSON has that key, in whatever case, and its last value is true.
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
