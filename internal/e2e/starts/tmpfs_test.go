package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestTmpfs: _temp in memory, also of a Worker that is alone, as large as the setting says, like the real one in everything
// else.
func TestTmpfs(t *testing.T) {
	for way, settings := range map[string][]string{"capable": nil, "userns": {"USERNS=1"}} {
		t.Run(way, func(t *testing.T) {
			s := ordinary(t, capable(t))
			if err := os.Chown(s.temp, user, group); err != nil {
				t.Fatal(err)
			}
			if err := unix.Chmod(s.temp, 0o2751); err != nil {
				t.Fatal(err)
			}
			owner := fmt.Sprintf("%d %d 2751", user, group)
			if way == "userns" {
				owner = fmt.Sprintf("%d %d 2751", user, user) // no other group can be given there
			}
			c := command(append(settings, "ISOLATE=alone", "BACKING=tmpfs:1m"), s.worker)
			c.Args = []string{s.worker, "-c", `cd ` + s.temp + `; stat -f -c "%T %b %S" .; stat -c "%u %g %a" .; head -c 2000000 /dev/zero >big 2>/dev/null || echo full
				rm big; printf '#!/bin/sh\necho runs\n' >script; chmod +x script; ./script; echo "$WORKER_WRAP_HOST_TEMP"; read end; true`}
			lines := talk(t, c)
			lines.expect(t, fmt.Sprintf("tmpfs %d %d", 1<<20/os.Getpagesize(), os.Getpagesize()))
			if got := lines.next(t); got != owner {
				t.Errorf("it is %q, want %q", got, owner)
			}
			lines.expect(t, "full")
			lines.expect(t, "runs")
			host := lines.next(t)
			for _, dir := range []string{host, s.temp} {
				if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
					t.Errorf("%s: %v, %v; want an empty folder on the host", dir, entries, err)
				}
			}
			lines.in.Close()
			if code := c.end(t); code != 0 {
				t.Errorf("exit code %d: %s", code, &c.err)
			}
			if code, _, stderr := s.run(t, "true", settings...); code != 0 {
				t.Error(stderr)
			}
			if _, err := os.Stat(host); err == nil {
				t.Errorf("%s is left", host)
			}
		})
	}
}

// TestTmpfsIsFreed: its memory is the kernel's again when the Worker has ended.
func TestTmpfsIsFreed(t *testing.T) {
	testkit.RequireRoot(t)
	s := ordinary(t, capable(t))
	c := command([]string{"BACKING=tmpfs:64m"}, s.worker)
	c.Args = []string{s.worker, "-c", "head -c 4000000 /dev/zero >" + s.temp + "/big; echo up; read end"}
	lines := talk(t, c)
	lines.expect(t, "up")
	// Which file system it is, and what it holds, seen through the Worker.
	inside := filepath.Join("/proc", itoa(c.Process.Pid), "root", s.temp)
	var st unix.Statfs_t
	if err := unix.Statfs(inside, &st); err != nil || st.Type != unix.TMPFS_MAGIC || st.Blocks-st.Bfree < 900 {
		t.Errorf("type %#x, %d blocks used, %v", st.Type, st.Blocks-st.Bfree, err)
	}
	var dir unix.Stat_t
	if err := unix.Stat(inside, &dir); err != nil {
		t.Fatal(err)
	}
	lines.in.Close()
	c.end(t)
	device := fmt.Sprintf(" %d:%d ", unix.Major(dir.Dev), unix.Minor(dir.Dev))
	all, _ := filepath.Glob("/proc/[0-9]*/mountinfo")
	for _, path := range all {
		data, _ := os.ReadFile(path)
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, device) && strings.Contains(line, s.temp) {
				t.Errorf("%s still has it: %s", path, line)
			}
		}
	}
}
