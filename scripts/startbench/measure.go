package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// report is everything that one run measured.
type report struct {
	Machine string
	Date    string
	Version map[string]string
	Missing []string `json:",omitempty"` // peers that are not installed
	Series  []series
}

// series is the measurement at one size of the mount table.
type series struct {
	Added  int // mounts added to the machine's own
	Mounts int // mounts there were in all
	Rounds int
	Times  []timing // the bare command first, the floor second
	Crowd  crowd
	Keeper []int // kilobytes of memory that each keeper has for itself
}

// timing is what one peer took from before its start to its end, in microseconds.
type timing struct {
	peer
	Median, P10, P90 float64
}

// measureAll runs each measurement on a thread with a mount namespace of its own, so that nothing
// stays behind: neither mounts nor, below scratch, files.
func measureAll(o options) (report, error) {
	r := report{Machine: machine(), Date: today(), Version: versions(o.bwrap, "unshare")}
	if os.Geteuid() != 0 {
		return r, errors.New("needs root, to make mount namespaces and thousands of mounts")
	}
	// Below /var/tmp, as the ordinary user must reach it too.
	scratch, err := os.MkdirTemp("/var/tmp", "worker-wrap-bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o755); err != nil {
		return r, err
	}
	debug.SetGCPercent(-1) // nothing of this program's own in the times
	for _, added := range o.mounts {
		dir := filepath.Join(scratch, fmt.Sprint(added))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return r, err
		}
		s, missing, err := measure(o, dir, added)
		if err != nil {
			return r, err
		}
		r.Missing = missing
		r.Series = append(r.Series, s)
	}
	return r, nil
}

// measure runs all peers in turn, so many rounds, each round beginning with another one. Its thread has a mount
// namespace with so many mounts added. The thread ends with the goroutine.
func measure(o options, scratch string, added int) (s series, missing []string, err error) {
	s = series{Added: added, Rounds: o.rounds}
	if added > 0 {
		s.Rounds = o.manyRounds
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- func() error {
			if err := ownMounts(o, scratch, added); err != nil {
				return err
			}
			h, err := newHolders(scratch)
			if err != nil {
				return err
			}
			peers, without, err := makePeers(o, scratch, h)
			if missing = without; err != nil {
				return errors.Join(err, h.end())
			}
			return errors.Join(s.measure(o, scratch, peers, h), h.end())
		}()
	}()
	err = <-done
	return s, missing, err
}

// measure fills the series in.
func (s *series) measure(o options, scratch string, peers []peer, h *holders) error {
	table, err := os.ReadFile("/proc/thread-self/mountinfo")
	if err != nil {
		return err
	}
	s.Mounts = strings.Count(string(table), "\n")
	stderr, err := os.Create(filepath.Join(scratch, "stderr"))
	if err != nil {
		return err
	}
	defer stderr.Close()
	times := make([][]float64, len(peers))
	for round := -2; round < s.Rounds; round++ { // two to warm up
		for i := range peers {
			which := (i + round + 2) % len(peers)
			took, err := start(peers[which], stderr)
			if err = errors.Join(err, h.settle()); err != nil {
				return err
			}
			// The kernel takes the mounts of an ended process's namespace apart later, by a thread of its own. That is
			// delayed_mntput_work in fs/namespace.c, and would take time from the next one.
			time.Sleep(time.Duration(s.Mounts) * 10 * time.Microsecond)
			if round >= 0 {
				times[which] = append(times[which], micro(took))
			}
		}
	}
	for i, p := range peers {
		slices.Sort(times[i])
		at := func(share float64) float64 { return times[i][int(share*float64(s.Rounds-1)+0.5)] }
		s.Times = append(s.Times, timing{peer: p, Median: at(0.5), P10: at(0.1), P90: at(0.9)})
	}
	s.Keeper = h.keepers()
	s.Crowd, err = measureCrowd(o, filepath.Join(scratch, "crowd"), s.Rounds, stderr, h)
	return err
}

func micro(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// start runs a peer to its end. Go starts a process by clone(CLONE_VM|CLONE_VFORK), so the size of
// this one has no part in it.
func start(p peer, stderr *os.File) (time.Duration, error) {
	attr := &syscall.ProcAttr{Dir: p.dir, Env: p.env, Files: []uintptr{stderr.Fd(), stderr.Fd(), stderr.Fd()}}
	if p.uid != 0 {
		attr.Sys = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(p.uid), Gid: uint32(p.uid)}}
	}
	began := time.Now()
	pid, err := syscall.ForkExec(p.argv[0], p.argv, attr)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.argv[0], err)
	}
	var status syscall.WaitStatus
	for {
		if _, err = syscall.Wait4(pid, &status, 0, nil); err != syscall.EINTR {
			break
		}
	}
	took := time.Since(began)
	if err != nil || status.ExitStatus() != 0 {
		said, _ := os.ReadFile(stderr.Name())
		return 0, fmt.Errorf("%s: exit status %d (%v)\n%s", strings.Join(p.argv, " "), status.ExitStatus(), err, said)
	}
	return took, nil
}

// ownMounts gives the calling thread a mount namespace of its own, with so many binds on a tmpfs added. All is shared
// as systemd has it, or private.
//
// scratch is a tmpfs too, unless the options say disk: hundreds of starts a second make and remove hundreds of folders
// a second. ext4 then looks for an inode that was not freed in the last seconds (recently_deleted in fs/ext4/ialloc.c).
// No start of a job ever meets that.
func ownMounts(o options, scratch string, added int) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if !o.disk {
		if err := unix.Mount("tmpfs", scratch, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("tmpfs on %s: %w", scratch, err)
		}
	}
	// No start is to find the machine's own Docker.
	for _, socket := range []string{"/run/docker.sock", "/run/podman/podman.sock"} {
		if _, err := os.Stat(socket); err == nil {
			if err := unix.Mount("/dev/null", socket, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("bind over %s: %w", socket, err)
			}
		}
	}
	if added > 0 {
		dir := filepath.Join(scratch, "mounts")
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			return fmt.Errorf("tmpfs: %w", err)
		}
		for i := 1; i < added; i++ {
			at := filepath.Join(dir, fmt.Sprint(i))
			if err := os.Mkdir(at, 0o755); err != nil {
				return err
			}
			if err := unix.Mount(at, at, "", unix.MS_BIND, ""); err != nil {
				return fmt.Errorf("bind %s: %w", at, err)
			}
		}
	}
	if !o.private {
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, ""); err != nil {
			return fmt.Errorf("make / shared: %w", err)
		}
	}
	return nil
}
