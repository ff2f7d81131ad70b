//go:build guest

package starts_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// liar is a file system of the user's that says what it likes of what it holds, and something else the next time.
type liar struct {
	fuse.RawFileSystem
	lie     func(name string, attr *fuse.Attr) fuse.Status
	target  string        // the target of made-up links
	held    chan struct{} // while it is not nil and open, nothing is answered
	asked   atomic.Int64
	mu      sync.Mutex
	names   map[uint64]string // by node
	strange map[uint32]bool   // users other than its own who asked
}

// ask takes note of who asks, and waits while nothing is answered.
func (l *liar) ask(cancel <-chan struct{}, h *fuse.InHeader) fuse.Status {
	l.asked.Add(1)
	if h.Uid != user {
		l.mu.Lock()
		l.strange[h.Uid] = true
		l.mu.Unlock()
	}
	if l.held == nil {
		return fuse.OK
	}
	select {
	case <-l.held:
		return fuse.OK
	case <-cancel:
		return fuse.EINTR
	}
}

func (l *liar) Lookup(cancel <-chan struct{}, h *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	if status := l.ask(cancel, h); !status.Ok() {
		return status
	}
	status := l.RawFileSystem.Lookup(cancel, h, name, out)
	if !status.Ok() {
		return status
	}
	l.mu.Lock()
	l.names[out.NodeId] = name
	l.mu.Unlock()
	return l.lie(name, &out.Attr)
}

func (l *liar) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	if status := l.ask(cancel, &in.InHeader); !status.Ok() {
		return status
	}
	status := l.RawFileSystem.GetAttr(cancel, in, out)
	if !status.Ok() {
		return status
	}
	l.mu.Lock()
	name := l.names[in.NodeId]
	l.mu.Unlock()
	return l.lie(name, &out.Attr)
}

func (l *liar) Readlink(cancel <-chan struct{}, h *fuse.InHeader) ([]byte, fuse.Status) {
	if status := l.ask(cancel, h); !status.Ok() {
		return nil, status
	}
	if out, status := l.RawFileSystem.Readlink(cancel, h); status.Ok() {
		return out, status
	}
	return []byte(l.target), fuse.OK
}

func (l *liar) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	if status := l.ask(cancel, &in.InHeader); !status.Ok() {
		return status
	}
	return l.RawFileSystem.SetAttr(cancel, in, out)
}

func (l *liar) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	if status := l.ask(cancel, &in.InHeader); !status.Ok() {
		return status
	}
	return l.RawFileSystem.Mkdir(cancel, in, name, out)
}

func (l *liar) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	if status := l.ask(cancel, &in.InHeader); !status.Ok() {
		return status
	}
	return l.RawFileSystem.Create(cancel, in, name, out)
}

// mountLiar mounts it as fusermount(1) does for the user, with what is in backing.
func mountLiar(t *testing.T, l *liar, backing, dir string) {
	t.Helper()
	l.names, l.strange = map[uint64]string{}, map[uint32]bool{}
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	do(t, err)
	do(t, unix.Mount("liar", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, "rootmode=40000,fd="+itoa(fd)+",user_id="+itoa(user)+",group_id="+itoa(user)))
	root, err := fs.NewLoopbackRoot(backing)
	do(t, err)
	never := time.Duration(0)
	l.RawFileSystem = fs.NewNodeFS(root, &fs.Options{EntryTimeout: &never, AttrTimeout: &never})
	server, err := fuse.NewServer(l, "/dev/fd/"+itoa(fd), &fuse.MountOptions{})
	do(t, err)
	go server.Serve()
	t.Cleanup(func() {
		do(t, unix.Unmount(dir, unix.MNT_DETACH))
		server.Wait()
	})
}

// ownMounts holds what the program that was started has mounted, beyond what the host has, to the user's own places.
func ownMounts(t *testing.T, out string, host map[string]int, places string) {
	t.Helper()
	var mountinfo strings.Builder
	for line := range strings.Lines(out) {
		if mount, ok := strings.CutPrefix(line, "mount: "); ok {
			mountinfo.WriteString(mount)
		}
	}
	here := pointsIn(mountinfo.String())
	for at, n := range here {
		if n > host[at] && !strings.HasPrefix(at, places+"/") {
			t.Errorf("something is mounted at %s", at)
		}
	}
	if here["/"] == 0 {
		t.Errorf("no mounts are seen: %q", out)
	}
}

// TestAttackByFUSE: _work is on a file system of the user's, which says at each look whatever may help its user.
func TestAttackByFUSE(t *testing.T) {
	shim := capable(t)
	odd := func(n int) bool { return rand.IntN(n) == 0 }
	for name, lie := range map[string]func(string, *fuse.Attr) fuse.Status{
		"honest": func(string, *fuse.Attr) fuse.Status { return fuse.OK },
		"owner": func(_ string, a *fuse.Attr) fuse.Status {
			if odd(4) {
				a.Uid, a.Gid = 0, 0
			}
			return fuse.OK
		},
		"inode": func(_ string, a *fuse.Attr) fuse.Status {
			if odd(4) {
				a.Ino = rand.Uint64()
			}
			return fuse.OK
		},
		"mode": func(_ string, a *fuse.Attr) fuse.Status {
			if odd(4) {
				a.Mode ^= rand.Uint32() & 0o7777
			}
			return fuse.OK
		},
		"type": func(name string, a *fuse.Attr) fuse.Status {
			if (name == "_temp" || name == ".worker-wrap") && odd(8) {
				a.Mode = a.Mode&^syscall.S_IFMT | syscall.S_IFLNK
			}
			return fuse.OK
		},
		"errors": func(string, *fuse.Attr) fuse.Status {
			if odd(12) {
				return []fuse.Status{fuse.EIO, fuse.ENOENT, fuse.EACCES, fuse.Status(syscall.ESTALE), fuse.Status(syscall.ELOOP), fuse.Status(syscall.EAGAIN)}[rand.IntN(6)]
			}
			return fuse.OK
		},
		"slowness": func(string, *fuse.Attr) fuse.Status {
			time.Sleep(rand.N(20 * time.Millisecond))
			return fuse.OK
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := ordinary(t, shim)
			backing := filepath.Join(testkit.Dir(t), "backing")
			do(t, os.MkdirAll(backing+"/_temp", 0o755))
			testkit.Give(t, backing, user)
			l := &liar{lie: lie, target: "/etc"}
			mountLiar(t, l, backing, filepath.Dir(s.temp))
			before, points := hostMounts(t), mountPoints(t, "/proc/self/mountinfo")
			ran, starts := 0, 4
			if name == "type" || name == "owner" { // most are refused, soon
				starts = 12
			}
			for range starts {
				c := command([]string{"DOCKER=off"}, s.worker, "-c", innocent+"sed 's/^/mount: /' /proc/self/mountinfo")
				if !harmlessOrRefused(t, name, c) {
					ran++
					ownMounts(t, c.out.String(), points, s.root)
				}
			}
			sameMounts(t, before)
			if len(l.strange) > 0 {
				t.Errorf("users %v asked, and not only %d", l.strange, user)
			}
			t.Logf("%d of %d starts ran, and asked %d times", ran, starts, l.asked.Load())
			if ran == 0 && (name == "honest" || name == "slowness") {
				t.Error("a file system that tells the truth is refused")
			}
		})
	}
}

// TestAttackByFUSEThatHangs: the user's file system does not answer. The start waits, and its user can end it.
func TestAttackByFUSEThatHangs(t *testing.T) {
	s := ordinary(t, capable(t))
	backing := filepath.Join(testkit.Dir(t), "backing")
	do(t, os.MkdirAll(backing+"/_temp", 0o755))
	testkit.Give(t, backing, user)
	l := &liar{lie: func(string, *fuse.Attr) fuse.Status { return fuse.OK }, held: make(chan struct{})}
	mountLiar(t, l, backing, filepath.Dir(s.temp))
	before := hostMounts(t)
	c := command(nil, s.worker, "-c", innocent)
	do(t, c.Start())
	for l.asked.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	kill := command(nil, "/bin/sh", "-c", "kill -KILL "+itoa(c.Process.Pid))
	if code := kill.end(t); code != 0 {
		t.Errorf("its user cannot end it: %s", &kill.err)
	}
	if code := c.end(t); code != -1 || c.out.String() != "" || strings.Contains(c.err.String(), "panic") {
		t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
	}
	close(l.held)
	sameMounts(t, before)
	if code, out, stderr := s.run(t, innocent, "DOCKER=off"); code != 0 {
		t.Errorf("at last: exit code %d, %q", code, stderr)
	} else {
		harmless(t, out)
	}
}
