package mounts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestTmpfs: with every set of calls that may be missing, a new tmpfs of the size asked for is on the target,
// for this namespace alone.
func TestTmpfs(t *testing.T) {
	testkit.RequireRoot(t)
	for _, avoid := range []Features{0, NewMountAPI, MountSetattr, SetGroup, NewMountAPI | MountSetattr | SetGroup} {
		path := filepath.Join(testkit.Dir(t), "target")
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		th := newThread(t, nil)
		th.do(func() {
			target, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer target.Close()
			prepared := false
			result, err := Bind(avoid, Mount{Target: target, Tmpfs: &Tmpfs{Size: "64k", UID: 61234, GID: 61235, Mode: 0o2710, Prepare: func(root *os.File) error {
				prepared = true
				info, err := root.Stat()
				if err != nil || info.Mode() != os.ModeDir|os.ModeSetgid|0o710 {
					t.Errorf("avoiding %b: before it is laid: %v, %v", avoid, info, err)
				}
				return unix.Fchmod(int(root.Fd()), 0o750)
			}}})
			if err != nil {
				t.Errorf("avoiding %b: %v", avoid, err)
				return
			}
			if used := result.Used&NewMountAPI != 0; used != (avoid&NewMountAPI == 0) || used != prepared {
				t.Errorf("avoiding %b: used %b, prepared %v", avoid, result.Used, prepared)
			}
			mode := uint32(0o2710)
			if prepared {
				mode = 0o750
			}
			var st unix.Statfs_t
			if err := unix.Statfs(path, &st); err != nil || st.Type != unix.TMPFS_MAGIC || int64(st.Blocks)*int64(st.Bsize) != 64<<10 {
				t.Errorf("avoiding %b: %v, type %#x, %d blocks", avoid, err, st.Type, st.Blocks)
			}
			if want := int64(unix.ST_NOSUID | unix.ST_NODEV); int64(st.Flags)&want != want || int64(st.Flags)&unix.ST_NOEXEC != 0 {
				t.Errorf("avoiding %b: flags %#x", avoid, st.Flags)
			}
			var is unix.Stat_t
			if err := unix.Stat(path, &is); err != nil || is.Uid != 61234 || is.Gid != 61235 || is.Mode&0o7777 != mode {
				t.Errorf("avoiding %b: of %d:%d, mode %o, %v", avoid, is.Uid, is.Gid, is.Mode, err)
			}
		})
		var st unix.Statfs_t
		if err := unix.Statfs(path, &st); err != nil || int64(st.Blocks)*int64(st.Bsize) == 64<<10 {
			t.Errorf("avoiding %b: it is seen outside, %v", avoid, err)
		}
	}
}

// TestTmpfsRefusesSize: what the kernel does not take for a size is an error that names it.
func TestTmpfsRefusesSize(t *testing.T) {
	testkit.RequireRoot(t)
	path := testkit.Dir(t)
	for _, avoid := range []Features{0, NewMountAPI} {
		th := newThread(t, nil)
		th.do(func() {
			target, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer target.Close()
			_, err = Bind(avoid, Mount{Tmpfs: &Tmpfs{Size: "huge"}, Target: target})
			var e *Error
			if !errors.As(err, &e) || !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "huge") {
				t.Errorf("avoiding %b: %v", avoid, err)
			}
		})
	}
}

// TestTmpfsNotPrepared: if it could not be made what it is to be it is not laid, whatever the reason.
func TestTmpfsNotPrepared(t *testing.T) {
	testkit.RequireRoot(t)
	path := testkit.Dir(t)
	for _, why := range []error{nil, unix.EPERM, unix.ENOSYS, errors.New("no")} {
		th := newThread(t, nil)
		th.do(func() {
			target, err := os.Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			defer target.Close()
			before, serr := target.Stat()
			tmpfs := &Tmpfs{Mode: 0o700, Prepare: func(*os.File) error { return why }}
			if why == nil {
				tmpfs.Prepare = nil
			}
			_, err = Bind(0, Mount{Tmpfs: tmpfs, Target: target})
			after, aerr := os.Stat(path)
			if !errors.Is(err, why) || serr != nil || aerr != nil || os.SameFile(before, after) != (why != nil) {
				t.Errorf("%v: %v, %v, %v, %v", why, err, serr, aerr, after)
			}
		})
	}
}
