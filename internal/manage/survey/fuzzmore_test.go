package survey

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// attribute is a file's security.capability.
func attribute(magic uint32, words ...uint32) []byte {
	out := binary.LittleEndian.AppendUint32(nil, magic)
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

// FuzzGrantsSysAdmin: an attribute grants the capability where it is one that the kernel heeds here
// (get_vfs_caps_from_disk in security/commoncap.c), with the capability permitted.
func FuzzGrantsSysAdmin(f *testing.F) {
	for _, seed := range [][]byte{
		attribute(0x02000001, 1<<21, 0, 0, 0), attribute(0x02000000, 1<<21, 0, 0, 0), attribute(0x02000001, 0, 1<<21, 1<<21, 0), attribute(0x02000001, 1<<21), attribute(0x02000001, 1<<21, 0, 0, 0, 0),
		attribute(0x03000001, 1<<21, 0, 0, 0, 1000), attribute(0x03000001, 1<<21, 0, 0, 0, 0), attribute(0x01000001, 1<<21, 0), attribute(0xff000001, 1<<21, 0, 0, 0), attribute(0x02000003, ^uint32(0), 0, 0, 0), nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v2 struct { // struct vfs_ns_cap_data without the root's id, which one of another user namespace has
			Magic                    uint32
			Permitted, Inheritable   uint32
			Permitted2, Inheritable2 uint32
		}
		r := bytes.NewReader(data)
		err := binary.Read(r, binary.LittleEndian, &v2)
		heeded := err == nil && r.Len() == 0 && v2.Magic>>24 == 2
		wantGrants, wantAll := heeded && v2.Permitted>>21%2 == 1, heeded && v2.Magic%2 == 1
		if grants, all := grantsSysAdmin(data); grants != wantGrants || all != wantAll {
			t.Fatalf("%x: %v, %v, want %v, %v", data, grants, all, wantGrants, wantAll)
		}
	})
}

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

// TestGrantsAsTheKernelDoes: what the kernel lets a file have, and shows of it, is judged as it does.
func TestGrantsAsTheKernelDoes(t *testing.T) {
	testkit.RequireRoot(t)
	cat, err := os.ReadFile(testkit.RequireTool(t, "cat", "coreutils"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testkit.Dir(t), "cat")
	if err := os.WriteFile(path, cat, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		data        []byte
		grants, all bool
	}{
		{attribute(0x02000001, 1<<21, 0, 0, 0), true, true},
		{attribute(0x02000000, 1<<21, 0, 0, 0), true, false},
		{attribute(0x02000001, 1, 0, 0, 0), false, true},
		{attribute(0x03000001, 1<<21, 0, 0, 0, 0), true, true},
		{attribute(0x03000000, 1<<21, 0, 0, 0, 0), true, false},
		{attribute(0x03000001, 1<<21, 0, 0, 0, 100000), false, false},
	} {
		if err := unix.Setxattr(path, "security.capability", test.data, 0); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "/proc/self/status")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 61234, Gid: 61234}}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var p Process
		p.parseStatus(procfs.Status(out))
		if b := BinaryAt(path); !b.FileCaps || b.SysAdmin != test.grants || b.AllOrNothing != test.all ||
			p.CapPrm&SysAdmin != 0 != test.grants || p.CapEff&SysAdmin != 0 != (test.grants && test.all) {
			t.Errorf("%x: %+v, and a process has %x, of which %x effective", test.data, b, p.CapPrm, p.CapEff)
		}
	}
}
