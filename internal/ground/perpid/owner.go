package perpid

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// HostTempVar is the variable in which a wrapped process finds the path of its private folder as the
// host sees it.
const HostTempVar = "WORKER_WRAP_HOST_TEMP"

// Owner names one process, also after its PID is used again and after a reboot.
type Owner struct {
	PID   int
	Start uint64 // field 22 of /proc/PID/stat: clock ticks after boot (proc_pid_stat(5))
	PIDNS uint64 // inode number of the PID namespace in which PID is meant
	Boot  string // the first 12 hexadecimal digits of /proc/sys/kernel/random/boot_id, or unknownBoot
}

// unknownBoot stands for the boot of an owner that could not see its boot id, as under systemd's ProcSubset=pid. It has
// no digits, so that it is no boot id, and a worker-wrap that does not know it leaves the folder alone.
const unknownBoot = "unknown"

// BootKnown reports whether the owner could see its boot id.
func (o Owner) BootKnown() bool { return o.Boot != unknownBoot }

// String is the name of the owner's folder: <pid>-<start>-<pid namespace>-<boot>.
func (o Owner) String() string {
	return fmt.Sprintf("%d-%d-%d-%s", o.PID, o.Start, o.PIDNS, o.Boot)
}

// folder is the name of the owner's nth folder, n being 1 or more: that of String, then a dot and n from the
// second one on.
func (o Owner) folder(n int) string {
	if n == 1 {
		return o.String()
	}
	return fmt.Sprintf("%v.%d", o, n)
}

// Parse reads the owner from the name of a folder, or of another thing kept for the same owner. The latter's name is a
// folder's, a dot, and its kind. ok is false for a name that is neither.
func Parse(name string) (o Owner, what string, ok bool) {
	name, what, _ = strings.Cut(name, ".")
	if number, rest, _ := strings.Cut(what, "."); isNumber(number) {
		what = rest
	}
	f := strings.Split(name, "-")
	if len(f) != 4 || !isBoot(f[3]) {
		return Owner{}, "", false
	}
	var err [3]error
	o.PID, err[0] = strconv.Atoi(f[0])
	o.Start, err[1] = strconv.ParseUint(f[1], 10, 64)
	o.PIDNS, err[2] = strconv.ParseUint(f[2], 10, 64)
	o.Boot = f[3]
	if err != [3]error{} || o.PID <= 0 || o.String() != name {
		return Owner{}, "", false
	}
	return o, what, true
}

func isBoot(s string) bool {
	return s == unknownBoot || len(s) == bootDigits && strings.Trim(s, "0123456789abcdef") == ""
}

// isNumber reports whether it is one that a folder can have: from 2 on, without leading zeros.
func isNumber(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n > 1 && n <= mostFolders && strconv.Itoa(n) == s
}

const bootDigits = 12

// Is reports whether o is the process with the given PID in the PID namespace of the /proc at proc. That may be one
// above o's own.
func (o Owner) Is(proc string, pid int) bool {
	s, err := readStat(proc, pid)
	if err != nil || s.start != o.Start {
		return false
	}
	status, err := procfs.Read(proc + "/" + strconv.Itoa(pid))
	return err == nil && status.Inner() == o.PID && o.perhapsIn(proc, pid)
}

// perhapsIn reports whether a process is in the PID namespace of o. Two containers that start within one clock
// tick each have a process 1 of that tick. Who may not see the namespace (ptrace(2), PTRACE_MODE_READ_FSCREDS)
// cannot tell, and is told yes.
func (o Owner) perhapsIn(proc string, pid int) bool {
	ns, err := nsenter.Inode(proc + "/" + strconv.Itoa(pid) + "/ns/pid")
	return err != nil || ns == o.PIDNS
}

// Self returns the calling process as an owner. It fails where /proc is missing or belongs to another
// PID namespace.
func Self() (Owner, error) {
	if o := thisOne.Load(); o != nil {
		return *o, nil
	}
	o, err := self("/proc")
	if err == nil {
		thisOne.Store(&o)
	}
	return o, err
}

// thisOne is what Self has found: many runners are looked at by one process.
var thisOne atomic.Pointer[Owner]

func self(proc string) (Owner, error) {
	pid := os.Getpid()
	if link, err := os.Readlink(proc + "/self"); err != nil || link != strconv.Itoa(pid) {
		return Owner{}, fmt.Errorf("/proc shows another PID namespace than this process's (%s/self leads to %q, the PID is %d); mount a proc there", proc, link, pid)
	}
	o := Owner{PID: pid}
	s, err := readStat(proc, pid)
	if err != nil {
		return Owner{}, err
	}
	o.Start = s.start
	if o.PIDNS, err = nsenter.Inode(proc + "/self/ns/pid"); err != nil {
		return Owner{}, err
	}
	o.Boot = bootID(proc)
	return o, nil
}

// bootID returns which boot this is. The rest of an owner names it well enough as long as the machine runs.
func bootID(proc string) string {
	data, err := readSmall(proc + "/sys/kernel/random/boot_id")
	if err != nil {
		return unknownBoot
	}
	id := strings.ReplaceAll(strings.TrimSpace(string(data)), "-", "")
	if len(id) < bootDigits || !isBoot(id[:bootDigits]) {
		return unknownBoot
	}
	return id[:bootDigits]
}

// stat is what is needed of /proc/PID/stat.
type stat struct {
	state   byte // R, S, D, Z, X, …
	start   uint64
	threads int
}

// ended reports whether all of the process has: the first thread of one that lives can be a zombie, as
// for a moment when another thread calls execve(2).
func (s stat) ended() bool { return (s.state == 'Z' || s.state == 'X') && s.threads <= 1 }

func readStat(proc string, pid int) (stat, error) {
	path := proc + "/" + strconv.Itoa(pid) + "/stat"
	data, err := readSmall(path)
	if err != nil {
		return stat{}, err
	}
	s, ok := parseStat(data)
	if !ok {
		return stat{}, fmt.Errorf("%s: not in the form of proc_pid_stat(5): %q", path, data)
	}
	return s, nil
}

// parseStat takes a line of /proc/PID/stat. The name in parentheses can hold anything, parentheses and
// spaces too, so fields are counted from the last one.
func parseStat(line []byte) (stat, bool) {
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return stat{}, false
	}
	f := bytes.Fields(line[end+1:])
	const first, threads, starttime = 3, 20, 22 // f[0] is field 3, the state
	if len(f) <= starttime-first || len(f[0]) != 1 {
		return stat{}, false
	}
	n, err := strconv.Atoi(string(f[threads-first]))
	if err != nil {
		return stat{}, false
	}
	start, err := strconv.ParseUint(string(f[starttime-first]), 10, 64)
	return stat{f[0][0], start, n}, err == nil
}

// readSmall reads a file of /proc in one piece. os.ReadFile would first set up the runtime's poller
// for it, which costs as much again as everything else that a start reads.
func readSmall(path string) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	buf := make([]byte, 4096)
	for {
		n, err := unix.Read(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		return buf[:n], nil
	}
}
