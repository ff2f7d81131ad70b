package perpid

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// FuzzInnermostPID: whatever a process calls itself, its PID in its own namespace is found; and of what is no such
// line no process has the number that is given.
func FuzzInnermostPID(f *testing.F) {
	f.Add("cat", 4711, 17, 3, "NSpid:\t1\n")
	f.Add("\nNSpid:\t1\n", 1, 1, 1, "\nNSpid:\n1\n")
	f.Add(`\nNSpid: 1`, 1<<22, 2, 1, "\nNSpid:\t1\tx\n")
	f.Add("", 1, 1, 0, "\nNSpid:\t99999999999999999999\n")
	f.Add("", 1, 1, 0, "\nNSpid:\t4 -7\nNSpid:\t5\n")
	f.Fuzz(func(t *testing.T, name string, outer, inner, levels int, text string) {
		if levels = levels & 31; outer > 0 && inner > 0 && outer <= math.MaxInt32 && inner <= math.MaxInt32 {
			name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name[:min(len(name), 15)])
			pids := strings.Repeat(fmt.Sprintf("\t%d", outer), levels) + fmt.Sprintf("\t%d", inner)
			status := fmt.Sprintf("Name:\t%s\nUmask:\t0022\nNStgid:%s\nNSpid:%s\nNSpgid:\t8\nNSsid:\t9\n", name, pids, pids)
			if got := innermostPID(status); got != inner {
				t.Fatalf("%q gives %d", status, got)
			}
		}
		got := innermostPID(text)
		_, rest, _ := strings.Cut(text, "\nNSpid:")
		line, _, _ := strings.Cut(rest, "\n")
		if got < 0 || got != 0 && (got != int(int32(got)) || !slices.ContainsFunc(strings.Fields(line), func(word string) bool {
			return strings.TrimLeft(strings.TrimPrefix(word, "+"), "0") == strconv.Itoa(got)
		})) {
			t.Fatalf("%q gives %d", text, got)
		}
	})
}

// FuzzParseClaim: a claim names who wrote it, half of one names nobody, and what names somebody is what they would
// have written.
func FuzzParseClaim(f *testing.F) {
	f.Add(4711, uint64(815), uint64(initPIDNS), uint64(0x0123456789ab), "1-2-3-0123456789ab\n")
	f.Add(1, uint64(math.MaxUint64), uint64(0), uint64(1<<48-1), "1-2-3-0123456789ab.docker.sock\n")
	f.Add(1, uint64(1), uint64(1), uint64(1), "1-2-3-0123456789ab.2\n")
	f.Add(1, uint64(1), uint64(1), uint64(1), "01-2-3-0123456789ab\n\n")
	f.Add(1, uint64(1), uint64(1), uint64(1), "1-2-3-0123456789ab\x00")
	f.Fuzz(func(t *testing.T, pid int, start, ns, boot uint64, text string) {
		if pid > 0 {
			o := Owner{pid, start, ns, fmt.Sprintf("%012x", boot&(1<<48-1))}
			written := o.String() + "\n"
			if got, kept, ok := parseClaim(written); !ok || kept || got != o {
				t.Fatalf("%q gives %+v, %v", written, got, ok)
			}
			for cut := range len(written) - 1 {
				if got, _, ok := parseClaim(written[:cut]); ok {
					t.Fatalf("%q gives %+v", written[:cut], got)
				}
			}
		}
		if got, _, ok := parseClaim(text); ok && strings.TrimSuffix(text, "\n") != got.String() {
			t.Fatalf("%q gives %+v", text, got)
		}
	})
}
