package nsenter

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// FuzzParseIDMap: a map as the kernel writes it (user_namespaces(7)) gives the ids inside, as far as an int of this
// processor has them; and what is taken for one never names an id that does not exist.
func FuzzParseIDMap(f *testing.F) {
	f.Add(uint32(0), uint32(0), uint32(math.MaxUint32), "0 100000\n")
	f.Add(uint32(70000), uint32(1000), uint32(1), "0 0 1\n1 2 3 4\n\n")
	f.Add(uint32(1<<31), uint32(0), uint32(1), "0 0 -1\n")
	f.Add(uint32(1), uint32(0), uint32(1<<31), "-5 0 3\n9223372036854775807 1 9223372036854775807")
	f.Add(uint32(0), uint32(0), uint32(0), "4294967295 0 2\n")
	f.Fuzz(func(t *testing.T, inside, outside, count uint32, text string) {
		// uid_m_show in kernel/user_namespace.c; no map has an id over 1<<32-2.
		if count > 0 && uint64(inside)+uint64(count) <= math.MaxUint32 {
			line := fmt.Sprintf("%10d %10d %10d\n", inside, outside, count)
			got, err := parseIDMap([]byte(line + line))
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			switch {
			case uint64(inside) >= math.MaxInt:
				if len(got) != 0 {
					t.Fatalf("%q gives %+v", line, got)
				}
			case len(got) != 2 || got[0] != got[1] || got[0].ContainerID != int(inside) || got[0].HostID != int(inside) ||
				uint64(got[0].Size) != min(uint64(count), math.MaxInt-uint64(inside)):
				t.Fatalf("%q gives %+v", line, got)
			}
		}
		got, err := parseIDMap([]byte(text))
		if err != nil {
			return
		}
		if len(got) > bytes.Count([]byte(text), []byte("\n"))+1 {
			t.Fatalf("%q gives %+v", text, got)
		}
		for _, m := range got {
			if m.ContainerID < 0 || m.HostID != m.ContainerID || m.Size < 1 || uint64(m.ContainerID)+uint64(m.Size) > math.MaxUint32 {
				t.Fatalf("%q gives %+v", text, got)
			}
		}
	})
}

// FuzzParseQueued: whatever a process calls itself, its queued signals are found, and what is no such line is none.
func FuzzParseQueued(f *testing.F) {
	f.Add("cat", uint64(3), uint64(31000), "SigQ:\t1/2\n")
	f.Add("\nSigQ:\t0/1\n", uint64(math.MaxUint64), uint64(0), "\nSigQ:\t/2\n")
	f.Add("", uint64(0), uint64(0), "\nSigQ:\n1/2")
	f.Add("", uint64(0), uint64(0), "\nSigQ:\t-1/2\nSigQ: 18446744073709551616/1")
	f.Fuzz(func(t *testing.T, name string, queued, limit uint64, text string) {
		name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name[:min(len(name), 15)])
		status := fmt.Sprintf("Name:\t%s\nUmask:\t0022\nSigQ:\t%d/%d\nSigPnd:\t0\n", name, queued, limit)
		if got, ok := parseQueued(status); !ok || got != queued {
			t.Fatalf("%q gives %d, %v", status, got, ok)
		}
		if got, ok := parseQueued(text); ok {
			_, rest, found := strings.Cut(text, "\nSigQ:")
			line, _, _ := strings.Cut(rest, "\n")
			number, _, slash := strings.Cut(line, "/")
			number = strings.TrimPrefix(strings.TrimSpace(number), "+")
			if !found || !slash || strings.TrimLeft(number, "0") != strings.TrimLeft(fmt.Sprint(got), "0") {
				t.Fatalf("%q gives %d", text, got)
			}
		}
	})
}
