package mounts

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMissedMount: what the host mounts over a target while the mount is out of its peer group takes the bind along
// when it is unmounted. So no bind stays over such a place: neither while that is there nor when it is gone. What is
// mounted once the mount is back does no harm.
func TestMissedMount(t *testing.T) {
	for name, c := range map[string]struct {
		apart, back func(s *scene, over, target string) // what the host does while the mount is out, and then
		left        int                                 // mounts of the host's at the target
		good        bool
	}{
		"nothing": {good: true},
		"it stays": {
			apart: func(s *scene, over, target string) { s.host.mount(over, target, unix.MS_BIND) },
			left:  1,
		},
		"it has gone": {
			apart: func(s *scene, over, target string) { s.host.mount(over, target, unix.MS_BIND) },
			back:  func(s *scene, over, target string) { s.host.unmount(target) },
		},
		"it came and went": {
			apart: func(s *scene, over, target string) {
				s.host.mount(over, target, unix.MS_BIND)
				s.host.unmount(target)
			},
			good: true,
		},
		"it came later": {
			back: func(s *scene, over, target string) { s.host.mount(over, target, unix.MS_BIND) },
			left: 1,
		},
		"it came and went later": {
			back: func(s *scene, over, target string) {
				s.host.mount(over, target, unix.MS_BIND)
				s.host.unmount(target)
			},
			good: true,
		},
	} {
		for _, isFile := range []bool{false, true} {
			t.Run(name+", file "+strconv.FormatBool(isFile), func(t *testing.T) {
				s := newScene(t, func(s *scene) {
					s.host.must("make files", func() error {
						return errors.Join(os.WriteFile(s.work()+"/file", nil, 0o644), os.WriteFile(s.work()+"/own", nil, 0o644), os.WriteFile(s.work()+"/over", nil, 0o644))
					})
				})
				source, target, over := s.private(), s.temp(), s.work()+"/beside"
				if isFile {
					source, target, over = s.work()+"/own", s.work()+"/file", s.work()+"/over"
				}
				place := func() Mount {
					return Mount{
						Source: s.job.place(source, 0), Target: s.job.place(target, 0), Parent: s.job.place(s.work(), 0),
						Outside: s.host.place(s.work(), 0),
					}
				}
				m := place()
				b := session{}
				defer s.job.must("close", b.close)
				s.job.must("lay", func() error {
					if err := b.clone(m); err != nil {
						return err
					}
					return b.lay(m)
				})
				if c.apart != nil {
					c.apart(s, over, target)
				}
				s.job.must("rejoin", b.rejoin)
				if c.back != nil {
					c.back(s, over, target)
				}
				var err error
				s.job.do(func() { err = b.verify(m) })
				if good := c.good || b.apart[0].peer == nil; (err == nil) != good || !good && !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%v", err)
				}
				if n := s.host.mounted(target); n != c.left {
					t.Errorf("the host has %d mounts there, want its own %d", n, c.left)
				}
				if err != nil {
					if c.left > 0 {
						s.host.unmount(target)
					}
					if n := s.job.mounted(target); n != 0 {
						t.Errorf("the job has %d mounts there after the error, want none", n)
					}
					again := place()
					s.job.must("Bind", func() error { _, err := Bind(0, again); return err })
				} else if c.left > 0 {
					s.host.unmount(target)
				}
				if n := s.job.mounted(target); n != 1 {
					t.Errorf("the job has %d mounts there, want its own", n)
				}
				if n := s.host.mounted(target); n != 0 {
					t.Errorf("the host has %d mounts there, want none", n)
				}
				// The mount is in its peer group again.
				s.job.mount("", s.work()+"/beside", 0)
				if s.host.mounted(s.work()+"/beside") != 1 && b.apart[0].peer != nil {
					t.Error("what the job mounts beside does not reach the host")
				}
			})
		}
	}
}
