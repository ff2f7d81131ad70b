// Package inplain reads and writes the record of who is in the plain _temp of a work folder. The locks decide that; the record
// tells of a Worker whose keeper was killed, and whose locks went with it. A lone start writes it itself: see package early.
//
// It is an extended attribute of the work folder: all runners that share the folder see it, a job sees no file, and it
// lasts as long as the locked folder. On a file system without such attributes (tmpfs before Linux 6.6) it is a file in
// the runner's _diag, which only that runner's starts see.
package inplain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

const (
	// Attribute is the attribute's name.
	Attribute = "user.worker-wrap.alone"
	// Name is the file's in a runner's _diag.
	Name = "worker-wrap.alone"
	// Size is what a record in a file has, blanks included: it is written over the last one in one call.
	Size = 160
)

// Named returns the process that a work folder's record names as the one in its plain _temp. If the folder can have
// no record, it reads the one in diag, the _diag of a runner. ok is false if it names none. Of which boot it is the
// record does not say: self's is taken, as the PID namespace is of a boot.
func Named(work, diag string, self perpid.Owner) (o perpid.Owner, ok bool) {
	data, err := read(work, diag)
	words := strings.SplitN(string(data), " ", 4)
	if err != nil || len(words) < 3 {
		return o, false
	}
	var numbers [3]uint64
	for i := range numbers {
		if numbers[i], err = strconv.ParseUint(words[i], 10, 64); err != nil {
			return o, false
		}
	}
	if numbers[0] == 0 || numbers[0] > 1<<22 {
		return o, false
	}
	return perpid.Owner{PID: int(numbers[0]), Start: numbers[1], PIDNS: numbers[2], Boot: self.Boot}, true
}

// Exists reports whether there is a record, whatever it says.
func Exists(work, diag string) bool {
	_, err := read(work, diag)
	return err == nil || err == unix.ERANGE
}

func read(work, diag string) ([]byte, error) {
	data := make([]byte, Size)
	n, err := unix.Getxattr(work, Attribute, data)
	if err == unix.EOPNOTSUPP {
		return untrusted.Head(filepath.Join(diag, Name), Size)
	}
	return data[:max(n, 0)], err
}

// Write has the record of a work folder name a process that came the longer way. By no entry, so the next lone start
// looks for others, too. If the folder can have none, Write only removes the one in diag.
func Write(work, diag *os.File, self perpid.Owner) error {
	text := fmt.Sprintf("%d %d %d 0 0 0", self.PID, self.Start, self.PIDNS)
	err := unix.Setxattr(untrusted.Through(work), Attribute, []byte(text), 0)
	if err == unix.EOPNOTSUPP {
		return Forget(work, diag)
	}
	return os.NewSyscallError("setxattr", err)
}

// Forget removes the record of a work folder, and that in diag.
func Forget(work, diag *os.File) error {
	err := unix.Removexattr(untrusted.Through(work), Attribute)
	if err == unix.ENODATA || err == unix.EOPNOTSUPP {
		err = nil
	}
	err2 := unix.Unlinkat(int(diag.Fd()), Name, 0)
	if err2 == unix.ENOENT {
		err2 = nil
	}
	return errors.Join(os.NewSyscallError("removexattr", err), os.NewSyscallError("unlink", err2))
}
