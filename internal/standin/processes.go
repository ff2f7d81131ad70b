package standin

import (
	"bytes"
	"os"
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
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, false
	}
	fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
	if len(fields) < 20 {
		return process{}, false
	}
	p := process{pid: pid}
	p.parent, _ = strconv.Atoi(string(fields[1]))
	p.start, _ = strconv.ParseUint(string(fields[19]), 10, 64)
	return p, true
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
	self := os.Getpid()
	own, ok := readProcess(self)
	if !ok {
		return
	}
	want := []byte("RUNNER_TRACKING_ID=" + w.tracking)
	for _, p := range processes() {
		if p.pid == self || p.start < own.start {
			continue
		}
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(p.pid) + "/environ")
		if err != nil {
			continue
		}
		for _, e := range bytes.Split(environ, []byte{0}) {
			if bytes.Equal(e, want) {
				w.info("JobExtension", "Terminate orphan process: pid (%d)", p.pid)
				_ = unix.Kill(p.pid, unix.SIGKILL)
			}
		}
	}
}
