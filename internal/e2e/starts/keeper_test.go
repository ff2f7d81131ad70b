package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKeeper: the process that keeps a plain Worker's locks has none of its descriptors, no capability and no such
// name. It ends with the Worker, even if that becomes another program; a signal to all of the service does not end it.
// It gives back the memory that the start had.
func TestKeeper(t *testing.T) {
	s := ordinary(t, capable(t))
	pipe, err := os.OpenFile(s.temp, unix.O_PATH, 0)
	do(t, err)
	defer pipe.Close()
	c := command([]string{"ISOLATE=overlap", "DOCKER=off"}, s.worker) // the longer way
	c.ExtraFiles = []*os.File{pipe}
	first := launch(t, c, s.worker, "-c", "echo up; read end; exec sleep 1000")
	t.Cleanup(func() { _ = first.Process.Kill() })
	keepers := func() (out []string) {
		names, _ := filepath.Glob("/proc/[0-9]*/comm")
		for _, name := range names {
			process := filepath.Dir(name)
			comm, _ := os.ReadFile(name)
			work, _ := os.Readlink(process + "/fd/0")
			cmdline, _ := os.ReadFile(process + "/cmdline")
			if string(comm) == "worker-wrap\n" && strings.HasPrefix(string(cmdline), "worker-wrap: keeps") && strings.HasPrefix(work, s.root+"/") {
				out = append(out, process)
			}
		}
		return out
	}
	var keeper string
	eventually(t, func() error {
		if all := keepers(); len(all) != 1 {
			return fmt.Errorf("keepers are %q", all)
		} else {
			keeper = all[0]
		}
		return nil
	})
	var fds []string
	links, _ := filepath.Glob(keeper + "/fd/*")
	for _, link := range links {
		to, _ := os.Readlink(link)
		if !strings.Contains(to, "pidfd") && !strings.HasPrefix(to, "anon_inode:[event") {
			fds = append(fds, strings.TrimPrefix(to, s.root))
		}
	}
	if got, want := strings.Join(fds, " "), "/_work  /_work /_work/_temp"; got != want {
		t.Errorf("it has open %q, want %q", got, want)
	}
	status, _ := os.ReadFile(keeper + "/status")
	cmdline, _ := os.ReadFile(keeper + "/cmdline")
	if !strings.Contains(string(status), "\nCapPrm:\t0000000000000000\n") || strings.Contains(string(cmdline), "Runner") {
		t.Errorf("it is %q with\n%s", cmdline, status)
	}
	eventually(t, func() error {
		rollup, err := os.ReadFile(keeper + "/smaps_rollup")
		_, own, _ := strings.Cut(string(rollup), "\nPss_Anon:")
		memory := 0 // KiB
		if _, scanned := fmt.Sscanf(own, "%d", &memory); err != nil || scanned != nil || memory > 100 {
			return fmt.Errorf("it has %d KiB of its own (%v, %v)", memory, err, scanned)
		}
		return nil
	})
	pid := 0
	_, err = fmt.Sscanf(keeper, "/proc/%d", &pid)
	do(t, err, unix.Kill(pid, unix.SIGTERM))
	first.in.Close() // it becomes sleep
	if code, out, stderr := s.run(t, whereAmI, "ISOLATE=overlap"); code != 0 || stderr != "" || !strings.HasPrefix(out, s.store) {
		t.Errorf("beside it: exit code %d, %q, %q", code, out, stderr)
	}
	do(t, first.Process.Kill())
	eventually(t, func() error {
		if all := keepers(); len(all) > 0 {
			return fmt.Errorf("left are %q", all)
		}
		return nil
	})
}
