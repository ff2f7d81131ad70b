package common

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
)

// Process is what /proc/PID/stat says of a process.
type Process struct {
	PID, Parent int
	Start       uint64 // clock ticks after boot
}

// Processes lists what runs, as far as this process may see it.
func Processes() (all []Process) {
	pids, _ := procfs.PIDs("/proc")
	for _, pid := range pids {
		if p, ok := ReadProcess(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

// ReadProcess reads fields 4 and 22 of /proc/PID/stat (proc_pid_stat(5)).
func ReadProcess(pid int) (Process, bool) {
	var buf [1024]byte
	data := ReadProc(pid, "stat", buf[:])
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return Process{}, false
	}
	p := Process{PID: pid}
	p.Parent, _ = strconv.Atoi(string(fields[1]))
	p.Start, _ = strconv.ParseUint(string(fields[19]), 10, 64)
	return p, true
}

// ReadProc reads what fits into buf of a file of a process, nothing if it cannot. Every Worker reads such files of all
// processes, and there may be many of both, so this does without os.File and its poller.
func ReadProc(pid int, name string, buf []byte) []byte {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n := 0
	for n < len(buf) {
		m, err := unix.Read(fd, buf[n:])
		if err == unix.EINTR {
			continue
		}
		if err != nil || m == 0 {
			break
		}
		n += m
	}
	return buf[:n]
}

// KillTree sends SIGKILL to a process and its descendants, those first (NixKillProcessTree).
func KillTree(pid int) {
	for _, pid := range tree(pid) {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// StopTree sends SIGSTOP to a process and its descendants, until there are no more: none of them starts another one then.
// The upstream runner does no such thing, and can leave what a step starts just then.
func StopTree(pid int) {
	stopped := map[int]bool{}
	for more := true; more; {
		more = false
		for _, pid := range tree(pid) {
			if !stopped[pid] {
				_ = unix.Kill(pid, unix.SIGSTOP)
				stopped[pid], more = true, true
			}
		}
	}
}

// tree lists a process and its descendants, those first.
func tree(pid int) (out []int) {
	children := map[int][]int{}
	for _, p := range Processes() {
		children[p.Parent] = append(children[p.Parent], p.PID)
	}
	var list func(int)
	list = func(pid int) {
		for _, child := range children[pid] {
			list(child)
		}
		out = append(out, pid)
	}
	list(pid)
	return out
}
