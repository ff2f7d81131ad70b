package testkit

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Becomes waits until the process with this PID is the program that was given argv0 as its name. That
// execve(2) has succeeded does not mean it yet: the kernel changes credentials, name, memory and close-on-exec
// descriptors first, and shows the new arguments, proc_pid_cmdline(5), last (begin_new_exec in fs/exec.c,
// create_elf_tables in fs/binfmt_elf.c).
func Becomes(t testing.TB, pid int, argv0 string) {
	t.Helper()
	var last []byte
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		var err error
		if last, err = os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err != nil {
			t.Fatal(err)
		}
		if name, _, terminated := strings.Cut(string(last), "\x00"); terminated && name == argv0 {
			return
		}
	}
	t.Fatalf("process %d does not become %s; its arguments are %q", pid, argv0, last)
}
