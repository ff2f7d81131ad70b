package perpid

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzParseStat: whatever a process calls itself, its state, threads and start are found; and what is no such
// line is not taken for one that ends otherwise.
func FuzzParseStat(f *testing.F) {
	f.Add("cat", byte('R'), 1, uint64(4711), "")
	f.Add(") Z 1 1 (", byte('S'), 17, uint64(1<<63), "0 0 0\n")
	f.Add("\n)\x00", byte(')'), 0, uint64(0), ")")
	f.Fuzz(func(t *testing.T, name string, state byte, threads int, start uint64, rest string) {
		if state <= ' ' || state > '~' || state == ')' || strings.Contains(rest, ")") {
			return // the kernel writes a letter, and numbers behind it
		}
		// Fields 1 to 22 of proc_pid_stat(5).
		line := fmt.Sprintf("%d (%s) %c %s%d 0 %d", 17, name, state, strings.Repeat("-1 ", 16), threads, start)
		got, ok := parseStat([]byte(line + " " + rest))
		if want := (stat{state, start, threads}); !ok || got != want {
			t.Fatalf("%q: %+v, %v; want %+v", line+" "+rest, got, ok, want)
		}
		for cut := range len(line) { // a shorter line has other numbers, or is none
			if got, ok := parseStat([]byte(line[:cut])); ok && (got.state != state || !strings.HasPrefix(fmt.Sprint(start), fmt.Sprint(got.start))) && !strings.Contains(name, ")") {
				t.Fatalf("%q: %+v", line[:cut], got)
			}
		}
	})
}
