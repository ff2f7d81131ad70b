package perpid

import "golang.org/x/sys/unix"

// Peer returns the process that has the given PID in o's PID namespace, which must be the caller's. The error wraps
// [io/fs.ErrNotExist] or is ESRCH if there is none, or it is a zombie.
func (o Owner) Peer(pid int) (Owner, error) { return o.peer("/proc", pid) }

func (o Owner) peer(proc string, pid int) (Owner, error) {
	s, err := readStat(proc, pid)
	if err != nil {
		return Owner{}, err
	}
	if s.ended() {
		return Owner{}, unix.ESRCH
	}
	return Owner{PID: pid, Start: s.start, PIDNS: o.PIDNS, Boot: o.Boot}, nil
}
