package survey

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
)

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
