package left

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// EnteredVar is a variable of what `worker-wrap enter` starts: a person's, who is in a job's namespace.
const EnteredVar = "WORKER_WRAP_ENTERED"

// maxParents bounds how far a process is traced back.
const maxParents = 32

// Process is one that a job has left.
type Process struct {
	PID     int       `json:"pid"`
	UID     int       `json:"uid"`
	Since   time.Time `json:"since"`
	Memory  int64     `json:"residentBytes"`
	Command string    `json:"command"`
	Runner  string    `json:"runner"`
	Worker  int       `json:"worker"` // its PID
	Begun   time.Time `json:"jobStart"`
	// Why is why it is not ended, "" if it is.
	Why string `json:"notEndedSince,omitempty"`

	start uint64
	ns    nsenter.MountNS
}

// ErrHidden is that of a process into which the caller may not look.
var errHidden = errors.New("it may not be looked into")

// lookAt returns what is known of a process: in which namespace it is, and when it started.
func lookAt(proc string, pid int) (p Process, err error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	owner, err := perpid.Owner{}.Peer(pid)
	if err != nil {
		return p, err
	}
	p = Process{PID: pid, start: owner.Start}
	p.ns, err = nsenter.MountNSAt(dir + "/ns/mnt")
	if errors.Is(err, os.ErrPermission) {
		err = errHidden
	}
	return p, err
}

// fill adds what a person wants to know.
func (p *Process) fill(proc string, boot time.Time) {
	dir := filepath.Join(proc, strconv.Itoa(p.PID))
	p.Since = procfs.Since(boot, p.start)
	status, _ := procfs.Read(dir)
	p.Command = "[" + status.Line("Name") + "]" // as ps(1) shows one without arguments
	p.UID = uidOf(status.Words("Uid"))
	p.Memory = int64(status.Number("VmRSS", 10)) << 10 // it is told in KiB
	if cmdline, _ := os.ReadFile(dir + "/cmdline"); len(cmdline) > 0 {
		p.Command = string(bytes.ReplaceAll(bytes.TrimRight(cmdline, "\x00"), []byte{0}, []byte{' '}))
	}
}

// uidOf returns the user that a process is of: -1 if it is of more than one, as while a set-user-ID program runs.
func uidOf(words []string) int {
	if len(words) == 0 {
		return -1
	}
	for _, w := range words {
		if w != words[0] {
			return -1
		}
	}
	uid, err := strconv.ParseUint(words[0], 10, 32)
	if err != nil {
		return -1
	}
	return int(uid)
}

// runs reports whether a process is a Listener or a Worker: whatever lives around it is in use.
func runs(proc string, pid int) bool {
	cmdline, _ := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "cmdline"))
	command := runner.Started(cmdline)
	return runner.IsWorker(command) || filepath.Base(command) == runner.ListenerName
}

// entered reports whether a process is a person's, see [EnteredVar]: itself, or by one that started it, as their sudo, which
// clears the environment.
func entered(proc string, pid int) bool {
	for range maxParents {
		dir := filepath.Join(proc, strconv.Itoa(pid))
		env, _ := os.ReadFile(dir + "/environ")
		if environ.Get(environ.Parse(env), EnteredVar) != "" {
			return true
		}
		status, err := procfs.Read(dir)
		if pid = int(status.Number("PPid", 10)); err != nil || pid <= 1 {
			return false
		}
	}
	return false
}

// signal sends a signal to the process that p is of, through its pidfd. The error is ESRCH if it has ended.
func (p *Process) signal(pidfd int, s unix.Signal) error {
	for {
		if err := unix.PidfdSendSignal(pidfd, s, nil, 0); err != unix.EINTR {
			return err
		}
	}
}

// open returns a pidfd of the process, if it is the one that was found, and in the same namespace still. It holds the
// process's PID back: what /proc shows of it after that is that process's, as long as the pidfd has not ended.
func (p *Process) open(proc string) (pidfd int, err error) {
	pidfd, err = unix.PidfdOpen(p.PID, 0)
	if err != nil {
		return -1, err
	}
	now, err := lookAt(proc, p.PID)
	if err == nil && (now.start != p.start || now.ns != p.ns) {
		err = unix.ESRCH
	}
	if err == nil {
		err = p.signal(pidfd, 0)
	}
	if err != nil {
		unix.Close(pidfd)
		return -1, err
	}
	return pidfd, nil
}
