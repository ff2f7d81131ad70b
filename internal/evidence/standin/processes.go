package standin

import (
	"bytes"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// process is what /proc/PID/stat says of a process.
type process struct {
	pid, parent int
	start       uint64 // clock ticks after boot
}

// processes lists what runs, as far as this process may see it.
func processes() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var all []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if p, ok := readProcess(pid); ok {
			all = append(all, p)
		}
	}
	return all
}

// readProcess reads fields 4 and 22 of /proc/PID/stat (proc_pid_stat(5)).
func readProcess(pid int) (process, bool) {
	var buf [1024]byte
	data := readProc(pid, "stat", buf[:])
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return process{}, false
	}
	p := process{pid: pid}
	p.parent, _ = strconv.Atoi(string(fields[1]))
	p.start, _ = strconv.ParseUint(string(fields[19]), 10, 64)
	return p, true
}

// readProc reads what fits into buf of a file of a process, nothing where it cannot. Every Worker reads
// those of all processes, and there may be many of both, so this does without os.File and its poller.
func readProc(pid int, name string, buf []byte) []byte {
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

// killTree sends SIGKILL to a process and its descendants, those first (NixKillProcessTree).
func killTree(pid int) {
	children := map[int][]int{}
	for _, p := range processes() {
		children[p.parent] = append(children[p.parent], p.pid)
	}
	var kill func(int)
	kill = func(pid int) {
		for _, child := range children[pid] {
			kill(child)
		}
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	kill(pid)
}

// killOrphans ends what the job's steps left running: processes younger than the Worker that have its RUNNER_TRACKING_ID (src/Runner.Worker/JobExtension.cs).
func (w *worker) killOrphans() {
	if !w.invoked {
		return // nobody can have it
	}
	self := os.Getpid()
	own, ok := readProcess(self)
	if !ok {
		return
	}
	want := []byte("RUNNER_TRACKING_ID=" + w.tracking)
	buf := make([]byte, 256<<10)
	for _, p := range processes() {
		if p.pid == self || p.start < own.start {
			continue
		}
		environ := readProc(p.pid, "environ", buf)
		if slices.ContainsFunc(bytes.Split(environ, []byte{0}), func(e []byte) bool { return bytes.Equal(e, want) }) {
			w.info("JobExtension", "Terminate orphan process: pid (%d)", p.pid)
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
	}
}
