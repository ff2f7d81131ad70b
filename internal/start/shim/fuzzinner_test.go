package shim

import (
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/start/begun"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
)

// FuzzParseInner: the child's command line, which its user may choose, is refused in one line or gives numbers that
// are a descriptor's and a process's; every other argument stays what and where it is; and what the supervisor writes
// means to the child what it meant to the supervisor.
func FuzzParseInner(f *testing.F) {
	for _, seed := range []string{
		"worker-wrap-inner\n3\n17\n0\n0\n/r/_work/_temp\n/r\n/r\n/r/bin/Runner.Worker\n/r/bin/Runner.Worker.real\n/r/bin/Runner.Worker\nspawnclient",
		"worker-wrap-inner\n3\n17\nffffffffffffffff\n4000\n/t\n/s\n\n\n\nsh\n-c\n:", "worker-wrap-inner\n3\n1", "\n\n\n\n\n\n\n\n\n\n",
		"i\n4294967299\n1\n0\n0\n/t\n/s\n\n\n\nsh", "i\n18446744073709551615\n1\n0\n0\n/t\n/s\n\n\n\nsh", "i\n3\n4294967297\n0\n0\n/t\n/s\n\n\n\nsh",
		"i\n-1\n+1\n0x1\n1_0\n/t\n/s\n\n\n\nsh", "i\n03\n01\nA\n0b\n\n\n\n\n\n", "three\n\x1b[31m\n1\n1\n1\n1\n1\n1\n1\n1\n1",
		"i\n3\n1\n0\n0\n/t\n/s\n/r\n\n\nsh", "i\n3\n1\n0\n0\n/t\n/s\n\n/w\n/r\nsh", "i\n3\n1\n0\n0\n/t\n/s\n/r\n/w\n\nsh",
	} {
		f.Add(seed)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		f.Fatal(err)
	}
	defer null.Close()
	f.Fuzz(func(t *testing.T, lines string) {
		args := strings.Split(lines, "\n")
		given := slices.Clone(args)
		in, err := parseInner(args)
		if !slices.Equal(args, given) {
			t.Fatalf("%q became %q", given, args)
		}
		if err != nil {
			if text := (&exits.Failure{Err: err}).Error(); !strings.Contains(text, InnerName) || strings.ContainsAny(text, "\n\r\x00\x1b") || !reflect.DeepEqual(in, innerLine{}) {
				t.Fatalf("%q: %q, with %+v", args, text, in)
			}
			return
		}
		// Both are C's int (read(2), getppid(2)).
		for i, n := range []int{in.line, in.parent} {
			if n != int(int32(n)) || n < 0 || strconv.Itoa(n) != canonical(args[1+i]) {
				t.Fatalf("%q: number %d is taken for %d", args, i, n)
			}
		}
		p := in.plan
		again := (&start{&begun.Start{Plan: p}}).innerArgs(null, in.noted, p.Home)
		if !slices.Equal(again[5:], args[5:]) || len(p.Argv) == 0 {
			t.Fatalf("%q gives %q", args, again)
		}
		if p.Env != nil || p.Settings != (plan.Settings{}) {
			t.Fatalf("%q gives settings: %+v", args, p)
		}
		got, err := parseInner(again)
		if want := (innerLine{int(null.Fd()), os.Getpid(), in.noted, p}); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q gives %+v, and written again %+v (%v)", args, want, got, err)
		}
	})
}

// canonical is a decimal number without what strconv.Itoa would not write.
func canonical(s string) string {
	if s = strings.TrimLeft(s, "0"); s == "" {
		return "0"
	}
	return s
}
