package perpid

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Path returns the path of the store beside the _temp at temp. The claim is kept there. So are the folders of starts
// over any folder, of starts by older versions, and of starts that cannot use the runner's root.
func Path(temp string) string { return filepath.Join(filepath.Dir(temp), StoreName) }

// Paths returns the paths that the stores for the _temp at temp of the runner in root can have.
func Paths(root, temp string) []string {
	own, beside := filepath.Join(root, StoreName), Path(temp)
	if own == beside {
		return []string{beside}
	}
	return []string{own, beside}
}

// Home returns the folder that holds the store in which a new folder for temp, a _temp, is made. It also reports
// whether that is on the file system that _temp is on. root is the runner's, "" if there is none.
//
// It is the runner's root if that is on the mount that _temp is on and the Worker's user could make a store there too:
// hooks and cron jobs empty the work folder, and often spare only _temp. Else it is the folder that _temp is in. If
// _temp is itself a mount, or leads to one, no folder outside it is there; then the work folder's mount counts.
func Home(root, temp string) (dir string, same bool) {
	beside := filepath.Dir(temp)
	is, work := placeAt(temp), placeAt(beside)
	if !is.found {
		is = work
	}
	dir, home := beside, work
	if at := placeAt(root); root != "" && at.usable(root, is.uid) && (at.mount == is.mount || is.isRoot && at.mount == work.mount) {
		dir, home = root, at
	}
	return dir, home.major == is.major && home.minor == is.minor
}

// usable reports whether the caller can keep folders in dir, at p, and uid, who owns _temp, could too: root could anywhere.
func (p place) usable(dir string, uid uint32) bool {
	if !p.found || unix.Geteuid() == 0 && p.uid != uid {
		return false
	}
	var st unix.Stat_t
	if store := filepath.Join(dir, StoreName); unix.Lstat(store, &st) == nil {
		if st.Mode&unix.S_IFMT != unix.S_IFDIR || !mayHave(st.Uid, uid) {
			return false
		}
		dir = store
	}
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
}

// place is where a path leads.
type place struct {
	found, isRoot bool   // isRoot: it is the root of its mount
	mount         uint64 // before Linux 5.8 the device
	major, minor  uint32
	uid           uint32
}

func placeAt(path string) (p place) {
	const mask = unix.STATX_TYPE | unix.STATX_UID | unix.STATX_MNT_ID
	var st unix.Statx_t
	err := error(unix.EINTR)
	for err == unix.EINTR {
		err = unix.Statx(unix.AT_FDCWD, path, unix.AT_STATX_DONT_SYNC, mask, &st)
	}
	p = place{
		found: err == nil, isRoot: st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0,
		mount: st.Mnt_id, major: st.Dev_major, minor: st.Dev_minor, uid: st.Uid,
	}
	if st.Mask&unix.STATX_MNT_ID == 0 {
		p.mount = unix.Mkdev(st.Dev_major, st.Dev_minor)
	}
	return p
}
