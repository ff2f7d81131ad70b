package procfs

import (
	"os"
	"strconv"
)

// PIDs lists the processes that can be seen in the /proc at proc, in the order of their names.
func PIDs(proc string) (out []int, err error) {
	entries, err := os.ReadDir(proc)
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && pid > 0 {
			out = append(out, pid)
		}
	}
	return out, err
}
