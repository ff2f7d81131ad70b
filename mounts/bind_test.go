package mounts

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// rejoins reports whether this kernel can put a mount back into its peer group, if avoid lets it.
func rejoins(avoid Features) bool {
	return probe()&^avoid&(SetGroup|NewMountAPI) == SetGroup|NewMountAPI
}

// TestBindKeepsBothDirections mounts and unmounts on either side, on the mount that _temp lies in, inside
// _temp, and looks on the other.
func TestBindKeepsBothDirections(t *testing.T) {
	for name, avoid := range ways() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, nil)
			r := s.bind(t, avoid)
			if got, want := len(r.Slaves) == 0, rejoins(avoid); got != want {
				t.Errorf("slaves: %q; rejoined should be %v", r.Slaves, want)
			}
			want := "shared"
			if !rejoins(avoid) {
				want = "master"
			}
			if got := s.job.tags(s.dir); got != want {
				t.Errorf("the mount that _temp lies in has %q, want %q", got, want)
			}

			// A bind that mount(2) lays is a slave, as what it is laid on is by then.
			s.directions(t, rejoins(avoid), avoid&NewMountAPI == 0)
		})
	}
}

// TestBindOverMountPoint has _temp be a mount of its own on the host.
func TestBindOverMountPoint(t *testing.T) {
	for name, avoid := range ways() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, func(s *scene) {
				s.host.mount("", s.temp(), 0)
				s.host.mount("", s.temp(), unix.MS_SHARED)
			})
			s.bind(t, avoid)
			if s.job.mounted(s.temp()) != 2 {
				t.Errorf("the job has %d mounts at _temp, want the host's and its own", s.job.mounted(s.temp()))
			}
			if got := s.host.tags(s.temp()); got != "shared" {
				t.Errorf("the host's mount at _temp has %q, want shared", got)
			}
		})
	}
}

// TestBindRestoresPropagation looks at each kind of mount that _temp can lie in.
func TestBindRestoresPropagation(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(*scene)
		full    string // with MOVE_MOUNT_SET_GROUP
		down    string // without
	}{
		"private":          {func(s *scene) { s.host.mount("", s.dir, unix.MS_PRIVATE) }, "", ""},
		"shared":           {func(*scene) {}, "shared", "master"},
		"slave and shared": {func(s *scene) { s.host.mount("", s.dir, unix.MS_SLAVE); s.host.mount("", s.dir, unix.MS_SHARED) }, "shared", "master"},
	} {
		for _, avoid := range []Features{0, MountSetattr, SetGroup} {
			t.Run(name, func(t *testing.T) {
				s := newScene(t, c.prepare)
				s.bind(t, avoid)
				want := c.full
				if !rejoins(avoid) {
					want = c.down
				}
				if got := s.job.tags(s.dir); got != want {
					t.Errorf("avoiding %b: the mount that _temp lies in has %q, want %q", avoid, got, want)
				}
			})
		}
	}
}

// TestBindSlave has the mount that _temp lies in receive from a master, as in a container that was given
// the work folder with rslave.
func TestBindSlave(t *testing.T) {
	s := newScene(t, nil)
	inner := newThread(t, s.host.namespace())
	inner.mount("", s.dir, unix.MS_SLAVE)
	s.job = newThread(t, inner.namespace())
	s.bind(t, 0)
	beside := s.work() + "/beside"
	s.host.mount("", beside, 0)
	if s.job.mounted(beside) != 1 {
		t.Error("what the master mounts does not reach the job")
	}
	s.host.unmount(beside)
	if got := s.job.tags(s.dir); got != "master" {
		t.Errorf("the mount has %q, want master", got)
	}
}

// TestBindFiles lays files over a file and over a symbolic link, together with the folder.
func TestBindFiles(t *testing.T) {
	for name, avoid := range ways() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, func(s *scene) {
				s.host.must("make files", func() error {
					for path, text := range map[string]string{"real": "real", "file": "shim", "other": "shim"} {
						if err := os.WriteFile(filepath.Join(s.work(), path), []byte(text), 0o755); err != nil {
							return err
						}
					}
					return os.Symlink(s.work()+"/other", s.work()+"/link")
				})
			})
			parent := s.job.place(s.work(), 0)
			real := s.job.place(s.work()+"/real", 0)
			binds := []Mount{{Source: s.job.place(s.private(), 0), Target: s.job.place(s.temp(), 0)}}
			names := []string{"file"}
			if avoid&NewMountAPI == 0 {
				names = append(names, "link") // mount(2) through /proc follows the link's own magic link only
			}
			for _, name := range names {
				binds = append(binds, Mount{Source: real, Target: s.job.place(s.work()+"/"+name, unix.O_NOFOLLOW), Parent: parent})
			}
			s.job.must("Bind", func() error {
				_, err := Bind(avoid, binds...)
				return err
			})
			for _, name := range names {
				read := func(th *thread) (text string) {
					th.must("read", func() error {
						data, err := os.ReadFile(s.work() + "/" + name)
						text = string(data)
						return err
					})
					return text
				}
				if got := read(s.job); got != "real" {
					t.Errorf("the job reads %q from %s, want what was laid over it", got, name)
				}
				if got := read(s.host); got != "shim" {
					t.Errorf("the host reads %q from %s, want its own", got, name)
				}
			}
			var other []byte
			s.job.must("read", func() (err error) {
				other, err = os.ReadFile(s.work() + "/other")
				return err
			})
			if string(other) != "shim" {
				t.Error("what the link leads to was covered, not the link")
			}
		})
	}
}

func TestBindRefusals(t *testing.T) {
	s := newScene(t, func(s *scene) {
		s.host.must("make a file", func() error { return os.WriteFile(s.work()+"/file", nil, 0o644) })
	})
	dir, file := s.job.place(s.temp(), 0), s.job.place(s.work()+"/file", 0)
	outside := s.host.place(s.temp(), 0)
	for _, c := range []struct {
		name string
		Mount
		want unix.Errno
	}{
		{"a file over a folder", Mount{Source: file, Target: dir}, unix.ENOTDIR},
		{"a file whose folder was not given", Mount{Source: file, Target: file}, unix.EBADF},
		{"a file whose folder is on another mount", Mount{Source: file, Target: file, Parent: s.job.place("/", 0)}, unix.EXDEV},
		{"a target of another namespace", Mount{Source: dir, Target: outside}, unix.EINVAL},
	} {
		var err error
		s.job.do(func() { _, err = Bind(0, c.Mount) })
		e, ok := err.(*Error)
		if !ok || e.Err != c.want && !(c.want == unix.ENOTDIR && e.Err == unix.EINVAL) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if s.host.mounted(s.temp()) != 0 {
		t.Error("a refused bind is on the host")
	}
}

// TestRootIsNoMount: after chroot(2) to a folder that is no mount nothing can be found out of the mount around that.
func TestRootIsNoMount(t *testing.T) {
	testkit.RequireRoot(t)
	dir, th := testkit.Dir(t), newThread(t, nil)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	th.must("chroot", func() error { return errors.Join(unix.Chroot(dir), unix.Chdir("/")) })
	target := th.place("/folder", 0)
	ended := make(chan error, 1)
	go th.do(func() {
		_, err := Bind(0, Mount{Source: target, Target: target})
		ended <- err
	})
	select {
	case err := <-ended:
		if e := (*Error)(nil); !errors.As(err, &e) || !strings.Contains(e.Why, "chroot") {
			t.Errorf("%v", err)
		}
	case <-time.After(testkit.Patience):
		t.Error("it looks for a mount for ever")
	}
}

// TestBindUnderAMountThatArrives: what the host mounts over a target that was opened before is in a peer group with the
// host's. Nothing is laid on it.
func TestBindUnderAMountThatArrives(t *testing.T) {
	for name, avoid := range ways() {
		for _, file := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, file %v", name, file), func(t *testing.T) {
				s := newScene(t, func(s *scene) {
					s.host.must("make files", func() error {
						return errors.Join(os.WriteFile(s.work()+"/file", nil, 0o644), os.WriteFile(s.work()+"/other", nil, 0o644))
					})
				})
				source, target, over := s.private(), s.temp(), s.work()+"/beside"
				if file {
					source, target, over = s.work()+"/other", s.work()+"/file", s.work()+"/other"
				}
				m := Mount{Source: s.job.place(source, 0), Target: s.job.place(target, 0), Parent: s.job.place(s.work(), 0)}
				s.host.mount(over, target, unix.MS_BIND)
				if s.job.mounted(target) != 1 {
					t.Fatal("what the host mounts does not arrive, so this shows nothing")
				}
				var err error
				s.job.do(func() { _, err = Bind(avoid, m) })
				if !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%v, want that it is not there any more", err)
				}
				if n := s.host.mounted(target); n != 1 {
					t.Errorf("the host has %d mounts there, want its own", n)
				}
				if n := s.host.mounted(over); n != 0 {
					t.Errorf("the host has %d mounts at what it has mounted, want none", n)
				}
				if n := s.job.mounted(target); n != 1 {
					t.Errorf("the job has %d mounts there, want the host's", n)
				}
				m.Target = s.job.place(target, 0) // opened again it is the host's mount, and can be covered
				s.job.must("Bind", func() error { _, err := Bind(avoid, m); return err })
				if s.job.mounted(target) != 2 || s.host.mounted(target) != 1 || s.host.mounted(over) != 0 {
					t.Errorf("opened again: the job has %d, the host %d and %d", s.job.mounted(target), s.host.mounted(target), s.host.mounted(over))
				}
			})
		}
	}
}

func TestErrorText(t *testing.T) {
	e := &Error{Op: "move_mount", Source: "/a", Target: "/b", Flags: "F", Err: unix.EINVAL}
	if got, want := e.Error(), "move_mount(F) /a on /b: invalid argument"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
