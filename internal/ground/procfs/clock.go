package procfs

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Booted returns when the machine was started, to the second, as the stat file of the /proc at proc has it: the difference
// of two clocks would be another one at each call. If a container has a /proc/stat of its own it is that difference all the
// same.
func Booted(proc string) (time.Time, error) {
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

// Since converts field 22 of /proc/PID/stat, in clock ticks after boot. For user space Linux counts 100 a second on
// every architecture Go supports (USER_HZ, include/asm-generic/param.h).
func Since(boot time.Time, ticks uint64) time.Time {
	const userHZ = 100
	return boot.Add(time.Duration(ticks) * (time.Second / userHZ))
}
