package presence

import (
	"fmt"
	"strings"
	"testing"
)

// FuzzWord: whatever a process calls itself, the fields behind its name in /proc/PID/status are found; and what is
// found is a word of a line of that field.
func FuzzWord(f *testing.F) {
	f.Add("cat", "Uid", "1000", "Name:\tcat\nUid:\t1\n")
	f.Add("\nUid:\t0", "Uid", "61234", "Uid:\t1\n")
	f.Add(`\nPPid: 1`, "PPid", "17", "\nPPid:")
	f.Add("Uid:", "PPid", "0", "\nPPid:\n1\n")
	f.Fuzz(func(t *testing.T, name, field, value, text string) {
		if got := word(text, field); got != "" && !strings.Contains("\n"+text, "\n"+field+":") || len(strings.Fields(got)) > 1 {
			t.Fatalf("%q of %q is %q", field, text, got)
		}
		if field != "Uid" && field != "PPid" || len(strings.Fields(value)) != 1 || strings.TrimSpace(value) != value {
			return
		}
		// As the kernel writes it (proc_task_name in fs/proc/array.c): a name is at most 15 bytes, with \n and \\ escaped.
		name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name[:min(len(name), 15)])
		status := fmt.Sprintf("Name:\t%s\nUmask:\t0022\nState:\tS (sleeping)\n%s:\t%s\t4711\nSigQ:\t0/1\n", name, field, value)
		if got := word(status, field); got != value {
			t.Fatalf("%q of %q is %q", field, status, got)
		}
		if got := word(status, "NSpid"); got != "" {
			t.Fatalf("NSpid of %q is %q", status, got)
		}
	})
}
