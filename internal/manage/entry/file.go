package entry

import (
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// File is what tells a file from all others of this machine, by whatever name. The number of an inode alone does not:
// it is given again as soon as a file is deleted. So the file's birth belongs to it, if the file system knows that
// (statx(2)), and its size and time of change do. To rename a file, or to link it, changes none of these.
type File struct {
	major, minor    uint32
	inode, size     uint64
	born, changedAt unix.StatxTimestamp
}

// fileAt is the zero File if there is none.
func fileAt(path string) File {
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BASIC_STATS|unix.STATX_BTIME, &st) != nil {
		return File{}
	}
	return File{st.Dev_major, st.Dev_minor, st.Ino, st.Size, st.Btime, st.Mtime}
}

// KeptFile is the file that the shim starts.
func (b Bin) KeptFile() File { return fileAt(filepath.Join(b.Dir, b.keptName())) }

// Has reports whether the folder has a file that was kept once, as the Worker or as another tool's.
func (b Bin) Has(f File) bool {
	for _, suffix := range append([]string{""}, b.Beside...) {
		if suffix != "" {
			suffix = "." + suffix
		}
		if f != (File{}) && fileAt(filepath.Join(b.Dir, runner.WorkerName+suffix)) == f {
			return true
		}
	}
	return false
}
