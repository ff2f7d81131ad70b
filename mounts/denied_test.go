package mounts

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// onlyAttached is AppArmor since Linux 6.7 where a profile names the sources of moves.
func onlyAttached(detached, _ bool) bool { return detached }

func onlyPlain(_ string, recursive bool) bool { return recursive }

// denials are what profiles deny, and how much of the connection is left: full, or that of a slave.
var denials = map[string]struct {
	rules
	full bool
}{
	"moves of detached mounts":         {rules{move: onlyAttached}, true},
	"and recursive binds":              {rules{move: onlyAttached, bind: onlyPlain}, true},
	"moves, but not into a group":      {rules{move: func(_, setGroup bool) bool { return !setGroup }}, true},
	"every move":                       {rules{move: func(bool, bool) bool { return true }, bind: onlyPlain}, false},
	"moves into a group":               {rules{move: func(_, setGroup bool) bool { return setGroup }}, false},
	"a tmpfs":                          {rules{move: onlyAttached, tmpfs: true}, false},
	"a bind of what is to be put back": {rules{move: onlyAttached, bind: func(source string, r bool) bool { return r || !strings.HasSuffix(source, "/private") }}, false},
}

// shareIdle makes a place for [session.newRoom] a shared mount on the host.
func (s *scene) shareIdle() {
	shared := 0
	for _, is := range idle {
		s.host.do(func() {
			if unix.Mount("", is.path, "", unix.MS_SHARED, "") == nil {
				shared++
			}
		})
	}
	if shared == 0 {
		s.host.t.Fatal("neither of the places is mounted")
	}
}

// TestDeniedSteps: what a security module denies is done otherwise, and nobody else sees any of it, not for a moment.
// If possible the mount that _temp lies in is put back.
func TestDeniedSteps(t *testing.T) {
	if !rejoins(0) {
		t.Log("this kernel cannot put a mount back: all are slaves")
	}
	for name, c := range denials {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, (*scene).shareIdle)
			m := s.job.mediate(t, c.rules)
			r := s.bind(t, 0)
			if m.asked.Load() == 0 {
				t.Error("nothing was asked")
			}
			full := c.full && rejoins(0)
			want := "shared"
			if !full {
				want = "shared master"
				if !rejoins(0) {
					want = "master"
				}
			}
			if got := s.job.tags(s.dir); got != want {
				t.Errorf("the mount that _temp lies in has %q, want %q", got, want)
			}
			if slave := slices.ContainsFunc(r.Slaves, func(path string) bool { return filepath.Clean(path) == s.dir }); slave == full {
				t.Errorf("slaves: %q", r.Slaves)
			}
			for _, is := range idle {
				if n := s.job.mounted(is.path); n != s.host.mounted(is.path) {
					t.Errorf("%s has %d mounts", is.path, n)
				}
			}
			m.allow.Store(true)
			// A kernel that is asked for no more than to lay the bind has laid a member of its source's group.
			s.directions(t, full, full || !rejoins(0) && !c.move(true, false))
		})
	}
}

// TestDeniedTmpfs: a tmpfs is laid by mount(2) then.
func TestDeniedTmpfs(t *testing.T) {
	for name, c := range denials {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, (*scene).shareIdle)
			m := s.job.mediate(t, c.rules)
			target := s.job.place(s.temp(), 0)
			changed := s.host.changes()
			var err error
			s.job.do(func() { _, err = Bind(0, Mount{Target: target, Tmpfs: &Tmpfs{Size: "64k", Mode: 0o700}}) })
			if m.tmpfs {
				if e := (*Error)(nil); !errors.As(err, &e) || e.Op != "mount" || !errors.Is(err, unix.EACCES) {
					t.Errorf("%v", err)
				}
			} else if err != nil || s.job.mounted(s.temp()) != 1 {
				t.Errorf("%v, %d mounts", err, s.job.mounted(s.temp()))
			}
			if changed() {
				t.Error("the host has seen something being mounted or unmounted")
			}
		})
	}
}

// TestDeniedEverything: the error names the call that was the last to be tried, and nobody sees anything.
func TestDeniedEverything(t *testing.T) {
	s := newScene(t, (*scene).shareIdle)
	s.job.mediate(t, rules{
		move: func(bool, bool) bool { return true }, bind: func(string, bool) bool { return true }, tmpfs: true,
	})
	m := Mount{Source: s.job.place(s.private(), 0), Target: s.job.place(s.temp(), 0)}
	changed := s.host.changes()
	var err error
	s.job.do(func() { _, err = Bind(0, m) })
	if e := (*Error)(nil); !errors.As(err, &e) || e.Op != "mount" || e.Flags != "MS_BIND" || !errors.Is(err, unix.EACCES) {
		t.Errorf("%v", err)
	}
	if changed() || s.job.mounted(s.temp()) != 0 {
		t.Error("something was mounted")
	}
}

// TestDeniedWithoutRoom: if no place is to be had that nobody else sees, the mount becomes a slave.
func TestDeniedWithoutRoom(t *testing.T) {
	s := newScene(t, func(s *scene) {
		for _, is := range idle {
			if s.host.exists(is.path) {
				s.host.mount("", is.path, 0)
			}
		}
	})
	s.job.mediate(t, rules{move: onlyAttached})
	r := s.bind(t, 0)
	if len(r.Slaves) != 1 {
		t.Errorf("slaves: %q", r.Slaves)
	}
	s.directions(t, false, false)
}

// TestDeniedFiles: files and links are covered by mount(2), in the mount that the folder lies in and in one of their own.
func TestDeniedFiles(t *testing.T) {
	s := newScene(t, func(s *scene) {
		s.shareIdle()
		other := s.dir + "/other"
		s.host.must("make files", func() error {
			return errors.Join(os.Mkdir(other, 0o755), os.WriteFile(s.work()+"/real", []byte("real"), 0o755),
				os.WriteFile(s.work()+"/file", nil, 0o755), os.Symlink("file", s.work()+"/link"))
		})
		s.host.mount("", other, 0)
		s.host.mount("", other, unix.MS_SHARED)
		s.host.must("make a file", func() error { return os.WriteFile(other+"/file", nil, 0o755) })
		s.host.mount(s.work()+"/file", s.work()+"/file", unix.MS_BIND) // a file that is a mount
	})
	s.job.mediate(t, rules{move: onlyAttached, bind: onlyPlain})
	real := s.job.place(s.work()+"/real", 0)
	binds := []Mount{{Source: s.job.place(s.private(), 0), Target: s.job.place(s.temp(), 0)}}
	paths := []string{s.work() + "/link", s.dir + "/other/file", s.work() + "/file"}
	for _, path := range paths {
		dir := s.work()
		if path == s.dir+"/other/file" {
			dir = s.dir + "/other"
		}
		binds = append(binds, Mount{Source: real, Target: s.job.place(path, unix.O_NOFOLLOW), Parent: s.job.place(dir, 0)})
	}
	var r Result
	changed := s.host.changes()
	s.job.must("Bind", func() (err error) {
		r, err = Bind(0, binds...)
		return err
	})
	if changed() {
		t.Error("the host has seen something being mounted or unmounted")
	}
	for _, path := range paths {
		var text []byte
		s.job.must("read", func() (err error) {
			text, err = os.ReadFile(path)
			return err
		})
		if string(text) != "real" {
			t.Errorf("%s has %q", path, text)
		}
	}
	if rejoins(0) && len(r.Slaves) != 1 {
		t.Errorf("slaves: %q, want only the place that gave room", r.Slaves)
	}
	s.directions(t, rejoins(0), rejoins(0))
}

// TestDeniedMeanwhile: what the host mounts while a member of the group is attached stays when that is taken away.
func TestDeniedMeanwhile(t *testing.T) {
	if !rejoins(0) {
		return // nothing is attached then, see TestDeniedSteps
	}
	s := newScene(t, (*scene).shareIdle)
	beside := s.work() + "/beside"
	var done atomic.Bool
	s.job.mediate(t, rules{move: func(detached, setGroup bool) bool {
		if !detached && done.CompareAndSwap(false, true) {
			s.host.do(func() { _ = unix.Mount("tmpfs", beside, "tmpfs", 0, "") })
		}
		return detached
	}})
	m := Mount{Source: s.job.place(s.private(), 0), Target: s.job.place(s.temp(), 0)}
	s.job.must("Bind", func() error { _, err := Bind(0, m); return err })
	if !done.Load() || s.host.mounted(beside) != 1 || s.job.mounted(beside) != 1 {
		t.Errorf("mounted meanwhile: %v; the host has %d there, the job %d", done.Load(), s.host.mounted(beside), s.job.mounted(beside))
	}
}
