package early

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// The record names the process that is in the plain _temp. The locks decide; the record tells of a Worker whose keeper was
// killed, and whose locks went with it.
//
// It is an extended attribute of the work folder: all runners that share the folder see it, a job sees no file, and it
// lasts as long as what is locked. On a file system without such attributes (tmpfs before Linux 6.6) it is a file in
// the runner's _diag, which only that runner's starts see.
const (
	attribute  = "user.worker-wrap.alone\x00"
	recordFile = "_diag/" + RecordName + "\x00"
)

// RecordName is the record's name in a runner's _diag, if the work folder can have no attribute.
const RecordName = "worker-wrap.alone"

// recordSize is what a record in a file has, blanks included: it is written over the last one in one call.
const recordSize = 160

// note is what a record says: who is in the plain _temp, and by which entry that came: its inode, and the seconds and
// nanoseconds of when it was last changed. Whoever comes by the same entry need not look for Workers that were started
// before worker-wrap was in their place: nobody can have come that way since.
type note struct {
	raw.Owner
	entry [3]uint64
}

// parse reads a record. ok is false for what is none.
//
//go:norace
func (n *note) parse(data []byte) (ok bool) {
	i, ok := n.Owner.Parse(data)
	for k := 0; ok && k < len(n.entry); k++ {
		n.entry[k], i, ok = raw.Number(data, i+1)
	}
	return ok
}

// record makes this process the one that the record names. ok is false if another that it names is alive, if there may
// be a Worker without a record, or if it cannot be written.
//
//go:norace
func (r *room) record(work, root uintptr) (ok bool) {
	text := uintptr(unsafe.Pointer(&r.text))
	n, ok := raw.Call(unix.SYS_FGETXATTR, work, raw.Ptr(unsafe.StringData(attribute)), text, recordSize, 0, 0)
	inFile := !ok && n == uintptr(unix.EOPNOTSUPP)
	if inFile {
		if r.fileFD, ok = r.openRecord(root); !ok {
			return false
		}
		n, ok = raw.Call(unix.SYS_READ, r.fileFD, text, recordSize, 0, 0, 0)
	}
	if !ok && (n == uintptr(unix.ENODATA) || n == uintptr(unix.ERANGE)) { // none, or what somebody else has put there
		n, ok = 0, true
	}
	ok = ok && r.mayRecord(work, r.text[:n]) && r.writeRecord(work, inFile)
	if inFile {
		raw.CloseFD(r.fileFD)
	}
	return ok
}

// mayRecord reports whether nobody else is in the plain _temp, by the record and by others' notes. If this start's
// entry is another than the record's, it also looks through /proc.
//
//go:norace
func (r *room) mayRecord(work uintptr, data []byte) bool {
	var before note
	known := before.parse(data)
	r.noted.entry = [3]uint64{}
	const mask = unix.STATX_INO | unix.STATX_CTIME
	entry := raw.Ptr(raw.Arg(r.p.Worker, 0))
	_, ok := raw.Call(unix.SYS_STATX, raw.CWD, entry, unix.AT_SYMLINK_NOFOLLOW, mask, uintptr(unsafe.Pointer(&r.st)), 0)
	if ok && r.st.Mask&mask == mask {
		r.noted.entry = [3]uint64{r.st.Ino, uint64(r.st.Ctime.Sec), uint64(r.st.Ctime.Nsec)}
	}
	if known && r.lives(&before.Owner) {
		return false
	}
	seen := known && before.entry == r.noted.entry && before.entry[0] != 0
	return (seen || !r.alive()) && !r.claimed(work)
}

// writeRecord writes it.
//
//go:norace
func (r *room) writeRecord(work uintptr, inFile bool) bool {
	for i := range recordSize {
		r.text[i] = ' '
	}
	end := -1
	for _, v := range [...]uint64{r.self.PID, r.self.Start, r.self.PIDNS, r.noted.entry[0], r.noted.entry[1], r.noted.entry[2]} {
		end = raw.Write(r.text[:], end+1, v)
	}
	text := uintptr(unsafe.Pointer(&r.text))
	if !inFile {
		_, ok := raw.Call(unix.SYS_FSETXATTR, work, raw.Ptr(unsafe.StringData(attribute)), text, uintptr(end), 0, 0)
		return ok
	}
	r.text[recordSize-1] = '\n'
	if _, ok := raw.Call(unix.SYS_LSEEK, r.fileFD, 0, unix.SEEK_SET, 0, 0, 0); !ok {
		return false
	}
	n, ok := raw.Call(unix.SYS_WRITE, r.fileFD, text, recordSize, 0, 0, 0)
	return ok && n == recordSize
}

// openRecord opens the file of the record, or makes it.
//
//go:norace
func (r *room) openRecord(root uintptr) (fd uintptr, ok bool) {
	const flags = raw.OpenFlags | unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW
	fd, ok = raw.Call(unix.SYS_OPENAT, root, raw.Ptr(unsafe.StringData(recordFile)), flags, 0o644, 0, 0)
	if !ok {
		return fd, false
	}
	if _, ok = raw.Look(fd, raw.Empty(), unix.AT_EMPTY_PATH, &r.exe); !ok || r.exe.Mode&unix.S_IFMT != unix.S_IFREG {
		raw.CloseFD(fd)
		return fd, false
	}
	return fd, true
}

// unrecord removes the record that this process has written: it goes the longer way.
//
//go:norace
func (r *room) unrecord(work, root uintptr) {
	raw.Call(unix.SYS_FREMOVEXATTR, work, raw.Ptr(unsafe.StringData(attribute)), 0, 0, 0, 0)
	raw.Call(unix.SYS_UNLINKAT, root, raw.Ptr(unsafe.StringData(recordFile)), 0, 0, 0, 0)
}

// Recorded returns the process that a work folder's record names as the one in its plain _temp. If the folder can have
// no record, it reads the one in diag, the _diag of a runner. ok is false if it names none. Of which boot it is the
// record does not say: self's is taken, as the PID namespace is of a boot.
func Recorded(work, diag string, self perpid.Owner) (o perpid.Owner, ok bool) {
	data, err := recordOf(work, diag)
	var noted raw.Owner
	if err != nil {
		return perpid.Owner{}, false
	}
	if _, ok := noted.Parse(data); !ok || noted.PID == 0 || noted.PID > 1<<22 {
		return perpid.Owner{}, false
	}
	return perpid.Owner{PID: int(noted.PID), Start: noted.Start, PIDNS: noted.PIDNS, Boot: self.Boot}, true
}

// HasRecord reports whether there is a record, whatever it says.
func HasRecord(work, diag string) bool {
	_, err := recordOf(work, diag)
	return err == nil || err == unix.ERANGE
}

func recordOf(work, diag string) ([]byte, error) {
	data := make([]byte, recordSize)
	n, err := unix.Getxattr(work, strings.TrimSuffix(attribute, "\x00"), data)
	if err == unix.EOPNOTSUPP {
		return untrusted.Head(filepath.Join(diag, RecordName), recordSize)
	}
	return data[:max(n, 0)], err
}

// Record has the record of a work folder name a process that came the longer way. By no entry, so the next lone start
// looks for others, too. If the folder can have none, Record only removes the one in diag.
func Record(work, diag *os.File, self perpid.Owner) error {
	text := fmt.Sprintf("%d %d %d 0 0 0", self.PID, self.Start, self.PIDNS)
	err := unix.Setxattr(untrusted.Through(work), strings.TrimSuffix(attribute, "\x00"), []byte(text), 0)
	if err == unix.EOPNOTSUPP {
		return Forget(work, diag)
	}
	return os.NewSyscallError("setxattr", err)
}

// Forget removes the record of a work folder, and that in diag.
func Forget(work, diag *os.File) error {
	err := unix.Removexattr(untrusted.Through(work), strings.TrimSuffix(attribute, "\x00"))
	if err == unix.ENODATA || err == unix.EOPNOTSUPP {
		err = nil
	}
	err2 := unix.Unlinkat(int(diag.Fd()), RecordName, 0)
	if err2 == unix.ENOENT {
		err2 = nil
	}
	return errors.Join(os.NewSyscallError("removexattr", err), os.NewSyscallError("unlink", err2))
}
