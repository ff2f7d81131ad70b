package mounts

import "strings"

// Error says which step failed on what.
type Error struct {
	Op     string // the system call, e.g. "move_mount"
	Source string // path of what was to be mounted, or ""
	Target string // path of the mount or mount point
	Flags  string // the flags that matter, by name, or ""
	Err    error  // a syscall.Errno
}

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
	return b.String() + ": " + e.Err.Error()
}

// Unwrap returns the errno.
func (e *Error) Unwrap() error { return e.Err }
