package workers

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"strconv"
)

// order compares two Workers by when they were started. PIDs are given in turn, so within one clock tick they tell,
// also if they begin anew after the highest.
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
