package users

import (
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// ClosedTo reports whether a folder's mode keeps a user from making anything in it.
func ClosedTo(path string, uid int) bool {
	return denies(path, uid, Groups(uid), writeSearch, false)
}

// SurelyClosedTo is ClosedTo, whatever groups the user has beside those that this machine's files know: by a directory
// service, or of SupplementaryGroups= (systemd.exec(5)).
func SurelyClosedTo(path string, uid int) bool {
	return denies(path, uid, Groups(uid), writeSearch, true)
}

// BarredFrom returns what keeps a user from running the program at path: a folder on the way that the user may not
// search, or the program itself. It returns "" if nothing does, as far as owners and modes tell.
func BarredFrom(path string, uid int) string { return barred(path, uid, execute, false) }

// SurelyBarredFrom is BarredFrom under the terms of [SurelyClosedTo].
func SurelyBarredFrom(path string, uid int) string { return barred(path, uid, execute, true) }

// HiddenBy is the same for reading the file at path.
func HiddenBy(path string, uid int) string {
	const read = 0o4
	return barred(path, uid, read, false)
}

const (
	execute     = 0o1 // which of a folder lets one search it
	writeSearch = 0o3
)

func barred(path string, uid int, bits uint32, sure bool) string {
	barred, groups := "", Groups(uid)
	for at := path; ; at = filepath.Dir(at) {
		if denies(at, uid, groups, bits, sure) {
			barred = at
		}
		bits = execute
		if at == filepath.Dir(at) {
			return barred
		}
	}
}

// denies reports whether the mode of what is at path lacks one of these bits for a user. If an access control list may
// say otherwise it does not; nor, with sure, if the group that it lets has other members than are known.
func denies(path string, uid int, groups []int, bits uint32, sure bool) bool {
	var st unix.Stat_t
	if uid < 0 || unix.Stat(path, &st) != nil {
		return false
	}
	if uid == 0 { // CAP_DAC_OVERRIDE runs no file that nobody may run (capabilities(7))
		return bits == execute && st.Mode&unix.S_IFMT == unix.S_IFREG && st.Mode&0o111 == 0
	}
	if _, err := unix.Getxattr(path, "system.posix_acl_access", nil); err == nil {
		return false
	}
	switch {
	case int(st.Uid) == uid:
		return st.Mode>>6&bits != bits
	case slices.Contains(groups, int(st.Gid)):
		return st.Mode>>3&bits != bits
	case sure && st.Mode>>3&bits == bits:
		return false
	}
	return st.Mode&bits != bits
}
