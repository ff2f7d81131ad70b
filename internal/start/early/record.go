package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/inplain"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// The record's places: see package inplain.
const (
	attribute  = inplain.Attribute + "\x00"
	recordFile = "_diag/" + inplain.Name + "\x00"
)

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
	n, ok := r.readRecord(work)
	inFile := !ok && n == uintptr(unix.EOPNOTSUPP)
	if inFile {
		if r.fileFD, ok = r.openRecord(root); !ok {
			return false
		}
		n, ok = raw.Call(unix.SYS_READ, r.fileFD, uintptr(unsafe.Pointer(&r.text)), inplain.Size, 0, 0, 0)
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

// readRecord reads the attribute to text. n is its length, or the error.
//
//go:norace
func (r *room) readRecord(work uintptr) (n uintptr, ok bool) {
	return raw.Call(unix.SYS_FGETXATTR, work, raw.Ptr(unsafe.StringData(attribute)), uintptr(unsafe.Pointer(&r.text)), inplain.Size, 0, 0)
}

// late reports whether who was in the plain _temp has ended, by the record: what has its locks yet is its keeper, or
// another start. Of a record in a file nothing is known.
//
//go:norace
func (r *room) late(work uintptr) bool {
	n, ok := r.readRecord(work)
	var last raw.Owner
	if ok {
		_, ok = last.Parse(r.text[:n])
	}
	return ok && last.PIDNS == r.self.PIDNS && last != r.self && !r.lives(&last) && !r.claimed(work)
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
	for i := range inplain.Size {
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
	r.text[inplain.Size-1] = '\n'
	if _, ok := raw.Call(unix.SYS_LSEEK, r.fileFD, 0, unix.SEEK_SET, 0, 0, 0); !ok {
		return false
	}
	n, ok := raw.Call(unix.SYS_WRITE, r.fileFD, text, inplain.Size, 0, 0, 0)
	return ok && n == inplain.Size
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
