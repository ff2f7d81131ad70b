package procfs_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestRead(t *testing.T) {
	s, err := procfs.Read("/proc/self")
	if err != nil {
		t.Fatal(err)
	}
	if s.Number("Pid", 10) != uint64(os.Getpid()) || s.Inner() != os.Getpid() || s.Word("Uid") != strconv.Itoa(os.Getuid()) || s.Line("Nothing") != "" {
		t.Errorf("this process is %q", s)
	}
	if _, err := procfs.Read("/proc/nobody"); !os.IsNotExist(err) {
		t.Errorf("no process: %v", err)
	}
}

// FuzzStatus: whatever a process calls itself, the fields behind its name are found; and what is found of any text is in
// a line of that field.
func FuzzStatus(f *testing.F) {
	f.Add("cat", "Uid", "1000", 17, 3, "Name:\tcat\nUid:\t1\n")
	f.Add("\nUid:\t0", "Uid", "61234", 1<<22, 1, "Uid:\t1\nNSpid:\t4 -7\nNSpid:\t5\n")
	f.Add(`\nPPid: 1`, "PPid", "17", 1, 0, "\nPPid:\nNSpid:\t1\tx\n")
	f.Add("\nNSpid:\t1\n", "PPid", "0", math.MaxInt32, 31, "\nPPid:\n1\nNSpid:\t99999999999999999999\n")
	f.Fuzz(func(t *testing.T, name, field, value string, inner, levels int, text string) {
		any := procfs.Status(text)
		if got := any.Line(field); got != "" && !strings.Contains("\n"+text, "\n"+field+":") || strings.Contains(got, "\n") {
			t.Fatalf("%q of %q is %q", field, text, got)
		}
		if got := any.Inner(); got < 0 || got > math.MaxInt32 || got != 0 && !slices.ContainsFunc(any.Words("NSpid"), func(word string) bool {
			return strings.TrimLeft(word, "0") == strconv.Itoa(got)
		}) {
			t.Fatalf("the inner PID of %q is %d", text, got)
		}
		if field != "Uid" && field != "PPid" || len(strings.Fields(value)) != 1 || strings.TrimSpace(value) != value || inner <= 0 || inner > math.MaxInt32 {
			return
		}
		// As the kernel writes it (proc_task_name in fs/proc/array.c): a name is at most 15 bytes, with \n and \\ escaped.
		name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name[:min(len(name), 15)])
		pids := strings.Repeat("\t4711", levels&31) + fmt.Sprintf("\t%d", inner)
		s := procfs.Status(fmt.Sprintf("Name:\t%s\nUmask:\t0022\n%s:\t%s\t4711\nNStgid:%s\nNSpid:%s\nSigQ:\t0/1\n", name, field, value, pids, pids))
		if s.Line("Name") != strings.TrimSpace(name) || s.Word(field) != value || s.Inner() != inner || s.Word("Seccomp") != "" {
			t.Fatalf("%q: %q is %q, the inner PID %d", s, field, s.Word(field), s.Inner())
		}
	})
}
