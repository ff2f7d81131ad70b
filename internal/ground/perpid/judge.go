package perpid

import (
	"errors"
	"os"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Verdict is what can be said of an owner.
type Verdict int

const (
	// Unknown: the owner may live; nothing of its own may be touched.
	Unknown Verdict = iota
	// Living: the owner was found.
	Living
	// Dead: the owner has ended, beyond doubt.
	Dead
)

func (v Verdict) String() string { return [...]string{"unknown", "living", "dead"}[v] }

// initPIDNS is the inode number of the machine's first PID namespace (PROC_PID_INIT_INO,
// include/linux/proc_ns.h), in which every process can be seen.
const initPIDNS = 0xEFFFFFFC

// Judge tells living owners from dead ones, from one process's point of view.
type Judge struct {
	Self Owner
	// Remote is true if other machines may use the same work folder: what another boot left is then perhaps another
	// machine's, and stays Unknown.
	Remote bool
	// Booted is when the kernel started, by the present clock.
	Booted time.Time
	proc   string
	seen   func() (map[uint64][]int, error) // processes, if it has looked through them already
}

// NewJudge returns a Judge for the process self.
func NewJudge(self Owner, remote bool) *Judge {
	var up unix.Timespec
	booted := time.Time{}
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) == nil {
		booted = time.Now().Add(-time.Duration(up.Nano()))
	}
	return &Judge{self, remote, booted, "/proc", nil}
}

// Verdict judges o, whose folder last changed at the time given (its ctime).
//
// In the judge's own PID namespace the kernel is asked for the PID. A process that started at another time, by the same
// clock, is another process. A zombie is dead: its namespaces are gone. An owner in another PID namespace can be judged
// only from the machine's first one, by a look through all processes. That needs a /proc that shows them all (no
// hidepid). LXC gives containers boot ids of their own. So another boot id proves a reboot only if neither side is in a
// container, or if the folder is unchanged since this kernel started. If the clock was set forward meanwhile that looks
// so too; the machine's first PID namespace can tell by the processes.
//
// If either boot is unknown, the owner may be of this boot or of an earlier one. The processes tell in both cases: no
// process has the PID and start time of an owner that has ended, but by a chance that only delays the sweep. On a
// file system that other machines use the process may be another machine's.
func (j *Judge) Verdict(o Owner, changed time.Time) Verdict {
	switch {
	case o == j.Self:
		return Living
	case o.Boot == unknownBoot || j.Self.Boot == unknownBoot:
		if j.Remote {
			return Unknown
		}
	case o.Boot != j.Self.Boot:
		first := o.PIDNS == initPIDNS && j.Self.PIDNS == initPIDNS
		switch {
		case j.Remote || !first && !changed.Before(j.Booted):
			return Unknown
		case !first && j.Self.PIDNS == initPIDNS:
			return j.elsewhere(o) // a clock that was set forward makes everything look older than this boot
		}
		return Dead
	}
	if o.PIDNS != j.Self.PIDNS {
		return j.elsewhere(o)
	}
	// kill(2) knows of processes that a /proc with hidepid does not show.
	if err := unix.Kill(o.PID, 0); err == unix.ESRCH {
		return Dead
	}
	s, err := readStat(j.proc, o.PID)
	switch {
	case err != nil && errors.Is(unix.Kill(o.PID, 0), unix.ESRCH):
		return Dead
	case err != nil:
		return Unknown
	case s.start == o.Start && !s.ended():
		return Living
	case !s.ended() && j.otherClock(o.PID):
		return Unknown
	}
	return Dead
}

// otherClock reports whether a process is in another time namespace: there its own start may be another time than here
// (time_namespaces(7)). Who may not see the namespace (ptrace(2)) cannot tell. Such namespaces are there since Linux 5.6.
func (j *Judge) otherClock(pid int) bool {
	own, err := nsenter.Inode(j.proc + "/self/ns/time")
	other, oerr := nsenter.Inode(j.proc + "/" + strconv.Itoa(pid) + "/ns/time")
	return err == nil && oerr == nil && own != other
}

// elsewhere looks for an owner of another PID namespace among all processes.
func (j *Judge) elsewhere(o Owner) Verdict {
	if j.Self.PIDNS != initPIDNS {
		return Unknown
	}
	all := j.processes
	if j.seen != nil {
		all = j.seen
	}
	started, err := all()
	if err != nil {
		return Unknown
	}
	for _, pid := range started[o.Start] {
		s, err := readStat(j.proc, pid)
		if err != nil || s.start != o.Start {
			continue // also a process that ended meanwhile
		}
		status, err := procfs.Read(j.proc + "/" + strconv.Itoa(pid))
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil || status.Inner() == o.PID && !s.ended() && o.perhapsIn(j.proc, pid) {
			return Living
		}
	}
	return Dead
}

// once returns a Judge that looks through all processes once at most, from now on: for owners that are known by now. A
// later one would be missed, and be taken for dead.
func (j *Judge) once() *Judge {
	c := *j
	c.seen = sync.OnceValues(j.processes)
	return &c
}

// processes returns the PIDs of all processes by when they started. It fails if not all can be seen, as with hidepid.
func (j *Judge) processes() (map[uint64][]int, error) {
	if _, err := os.ReadFile(j.proc + "/1/stat"); err != nil {
		return nil, err
	}
	pids, err := procfs.PIDs(j.proc)
	if err != nil {
		return nil, err
	}
	started := map[uint64][]int{}
	for _, pid := range pids {
		if s, err := readStat(j.proc, pid); err == nil { // else it has ended meanwhile
			started[s.start] = append(started[s.start], pid)
		}
	}
	return started, nil
}
