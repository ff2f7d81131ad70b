package left

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

const (
	// Prefix begins the name of a record in a runner's _diag. The Worker's name, as a private folder has it, follows.
	Prefix = "worker-wrap.job."
	// seal is the extended attribute that nobody without CAP_SYS_ADMIN can set, or read.
	seal = "trusted.worker-wrap.job"
	// maxRecord bounds what is read of a file, in bytes.
	maxRecord = 1024
)

// Record is what a start notes of the namespace that it has made for its Worker.
type Record struct {
	Worker string    `json:"worker"` // perpid.Owner's name
	Begun  time.Time `json:"begun"`
	Inode  uint64    `json:"ns"`
	ID     uint64    `json:"id,omitempty"`  // 0 on kernels that tell none
	Keeper string    `json:"keeper"`        // the process that holds the namespace open, by its name
	End    bool      `json:"end,omitempty"` // the keeper ends what is left
}

// is reports whether a namespace is the one on record, as far as that was told.
func (r *Record) is(ns nsenter.MountNS) bool {
	if r.ID == 0 {
		return ns.Inode == r.Inode
	}
	return ns.ID == r.ID
}

// sure reports whether no other namespace can be the one on record, on a machine that tells which boot is which.
func (j *job) sure() bool { return j.ID != 0 && j.worker.BootKnown() }

// Note writes a record into diag, a runner's open _diag. It is sealed if the calling thread may do that.
func Note(diag *os.File, r Record) error {
	name := Prefix + r.Worker
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := create(diag, name)
	if err != nil {
		return err
	}
	defer f.Close()
	var dir unix.Stat_t
	if err := unix.Fstat(int(diag.Fd()), &dir); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if os.Geteuid() == 0 && dir.Uid != 0 && nsenter.MayChown() { // whose own starts sweep there
		_ = f.Chown(int(dir.Uid), int(dir.Gid))
	}
	// Where that cannot be, as in a container's user namespace or on NFS, the record has no seal.
	_ = nsenter.WithSysAdmin(func() error { return unix.Fsetxattr(int(f.Fd()), seal, text, 0) })
	_, err = f.Write(append(text, '\n'))
	return err
}

// create makes a file. One of that name is of the same process at an earlier start, or nobody's.
func create(diag *os.File, name string) (*os.File, error) {
	path := filepath.Join(diag.Name(), name)
	for range 3 {
		fd, err := unix.Openat(int(diag.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err == nil {
			return os.NewFile(uintptr(fd), path), nil
		}
		if !errors.Is(err, unix.EEXIST) {
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
		if err := unix.Unlinkat(int(diag.Fd()), name, 0); err != nil && !errors.Is(err, unix.ENOENT) {
			return nil, &fs.PathError{Op: "unlink", Path: path, Err: err}
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EEXIST}
}

// job is a record that was read.
type job struct {
	Record
	worker, keeper perpid.Owner
	sealed         bool
	uid            int       // whose the file is, if it is the folder's owner's; else -1
	ended          time.Time // when the keeper noted the Worker's end, the zero value if it did not
	diag           *os.File
	name           string // of the file
}

// records reads those in an open _diag. What is none is passed over.
func records(diag *os.File) (jobs []*job, err error) {
	dir, err := os.Open(untrusted.Through(diag))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	for _, name := range names {
		if !strings.HasPrefix(name, Prefix) {
			continue
		}
		if j := read(diag, name); j != nil {
			jobs = append(jobs, j)
		}
	}
	return jobs, err
}

func read(diag *os.File, name string) *job {
	f, err := untrusted.At(diag, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return nil
	}
	defer f.Close()
	var dir, st unix.Stat_t
	if unix.Fstat(int(diag.Fd()), &dir) != nil || unix.Fstat(int(f.Fd()), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	j := &job{diag: diag, name: name, uid: -1}
	if st.Uid == dir.Uid {
		j.uid = int(st.Uid)
	}
	var text, sealed [maxRecord]byte
	n, err := unix.Read(int(f.Fd()), text[:])
	if err != nil {
		return nil
	}
	line, rest, _ := bytes.Cut(text[:n], []byte{'\n'})
	if at, ok := bytes.CutPrefix(rest, []byte(endWord)); ok {
		j.ended, _ = time.Parse(time.RFC3339Nano, strings.TrimSpace(string(at)))
	}
	if os.Geteuid() == 0 {
		_ = nsenter.WithSysAdmin(func() (err error) {
			n, err = unix.Fgetxattr(int(f.Fd()), seal, sealed[:])
			j.sealed = err == nil
			return err
		})
		if j.sealed {
			line = sealed[:n]
		}
	}
	var what, kept string
	ok, keeps := false, false
	if json.Unmarshal(line, &j.Record) != nil {
		return nil
	}
	j.worker, what, ok = perpid.Parse(j.Worker)
	j.keeper, kept, keeps = perpid.Parse(j.Keeper)
	if !ok || !keeps || what+kept != "" || name != Prefix+j.Worker || j.Inode == 0 {
		return nil
	}
	return j
}

// endWord begins the line that a keeper adds when the Worker has ended.
const endWord = "ended "

// noteEnd adds that line.
func (j *job) noteEnd(at time.Time) error {
	f, err := untrusted.At(j.diag, j.name, unix.O_WRONLY|unix.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer f.Close()
	j.ended = at
	_, err = f.WriteString(endWord + at.Format(time.RFC3339Nano) + "\n")
	return err
}

// remove deletes the file.
func (j *job) remove() { _ = unix.Unlinkat(int(j.diag.Fd()), j.name, 0) }
