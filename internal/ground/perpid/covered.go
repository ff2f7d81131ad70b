package perpid

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Covered reports whether dir is the root of a mount that shows a folder of some store: the caller is in the view of the
// Worker that has it as its _temp, or had it.
func Covered(dir *os.File) bool { return shown(dir) != "" }

// LockCovered locks the folder that temp is, as [Lock] does, if it is [Covered]. A start that is about to cover it
// calls this. Whoever sweeps finds the lock also if the Worker whose folder it is has ended: to remove the folder would
// take that mount off. It returns nil if there is nothing to lock, and an error that wraps [fs.ErrNotExist] if the
// folder is being deleted already.
func LockCovered(temp *os.File) (*os.File, error) {
	if !Covered(temp) {
		return nil, nil
	}
	dir, err := openDir(temp, ".")
	if err != nil {
		return nil, err
	}
	err = Lock(dir)
	if name := shown(temp); err == nil && strings.HasPrefix(name, deadPrefix) {
		err = &fs.PathError{Op: "lock", Path: name, Err: fmt.Errorf("it is being deleted (%w)", fs.ErrNotExist)}
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// shown returns the name in its store of the folder that the mount with root dir shows, "" if it shows no such folder.
func shown(dir *os.File) string {
	const mountRoot = unix.STATX_ATTR_MOUNT_ROOT // since Linux 5.8
	var st unix.Statx_t
	err := unix.Statx(int(dir.Fd()), "", unix.AT_EMPTY_PATH, 0, &st)
	if err == nil && st.Attributes_mask&mountRoot != 0 && st.Attributes&mountRoot == 0 { // the usual _temp
		return ""
	}
	info, err := os.ReadFile(strings.Replace(untrusted.Through(dir), "/fd/", "/fdinfo/", 1))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(info), "\nmnt_id:\t")
	id, _, _ := strings.Cut(rest, "\n")
	path, err := os.Readlink(untrusted.Through(dir))
	if err != nil {
		return ""
	}
	path = strings.TrimSuffix(path, " (deleted)")
	mounts, _ := os.ReadFile("/proc/thread-self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line) // proc_pid_mountinfo(5)
		if len(f) < 5 || f[0] != id {
			continue
		}
		root := strings.TrimSuffix(f[3], "//deleted")
		name := filepath.Base(root)
		if _, what, ok := Parse(Bare(name)); ok && what == "" && filepath.Base(filepath.Dir(root)) == StoreName && unescape(f[4]) == path {
			return name
		}
	}
	return ""
}

// unescape puts back what a file of /proc has as octal numbers (mangle in fs/seq_file.c).
func unescape(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}
