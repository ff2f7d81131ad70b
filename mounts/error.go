package mounts

import (
	"os"
	"strings"
)

// Error says which step failed on what.
type Error struct {
	Op     string // the system call, e.g. "move_mount"
	Source string // path of what was to be mounted, or ""
	Target string // path of the mount or mount point
	Flags  string // the flags that matter, by name, or ""
	Why    string // what was found, if Err does not say it, or ""
	Err    error  // a syscall.Errno, or ErrChanged
}

// ErrChanged says that a target is no longer what its caller opened: something was mounted over it, or it was
// exchanged. It is [os.ErrNotExist] to errors.Is, as is the errno of a name that is gone: open the target again.
var ErrChanged error = changed{}

type changed struct{}

func (changed) Error() string        { return "the mount point has changed" }
func (changed) Is(target error) bool { return target == os.ErrNotExist }

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Flags != "" {
		b.WriteString("(" + e.Flags + ")")
	}
	if e.Source != "" {
		b.WriteString(" " + e.Source)
	}
	if e.Target != "" {
		if e.Source != "" {
			b.WriteString(" on")
		}
		b.WriteString(" " + e.Target)
	}
	if e.Why != "" {
		b.WriteString(": " + e.Why)
	}
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
