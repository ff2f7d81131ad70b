package workers

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// order compares two Workers by when they were started. PIDs are given in turn, so within one clock tick they tell, also
// where they begin anew after the highest.
func order(a, b Worker, pids int) int {
	if c := cmp.Compare(a.start, b.start); c != 0 {
		return c
	}
	if d := a.PID - b.PID; d > pids/2 || d < -pids/2 {
		return -cmp.Compare(a.PID, b.PID)
	}
	return cmp.Compare(a.PID, b.PID)
}

// pids is how many PIDs there are.
func pids(proc string) int {
	data, _ := os.ReadFile(filepath.Join(proc, "sys/kernel/pid_max"))
	n, err := strconv.Atoi(string(bytes.TrimSpace(data)))
	if err != nil {
		return 4 << 20 // PID_MAX_LIMIT
	}
	return n
}

// booted returns when the machine was started, to the second, as /proc/stat has it: the difference of two clocks would be
// another one at each call. Where a container has a /proc/stat of its own it is that difference all the same.
func booted(proc string) (time.Time, error) {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return time.Time{}, os.NewSyscallError("clock_gettime", err)
	}
	boot := time.Now().Add(-time.Duration(up.Nano()))
	data, _ := os.ReadFile(filepath.Join(proc, "stat"))
	_, rest, _ := bytes.Cut(data, []byte("\nbtime "))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	seconds, err := strconv.ParseInt(string(line), 10, 64)
	if t := time.Unix(seconds, 0); err == nil && t.Sub(boot).Abs() < 2*time.Second {
		return t, nil
	}
	return boot.Round(time.Second), nil
}

// since converts field 22 of /proc/PID/stat, in clock ticks after boot, which Linux counts at 100 a second for user space
// on every architecture Go supports (USER_HZ, include/asm-generic/param.h).
func since(boot time.Time, ticks uint64) time.Time {
	const userHZ = 100
	return boot.Add(time.Duration(ticks) * (time.Second / userHZ))
}
