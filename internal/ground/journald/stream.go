package journald

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Priority is how much a line matters, as in syslog(3).
type Priority int

// The priorities in use.
const (
	Err     Priority = 3
	Warning Priority = 4
	Info    Priority = 6
)

// Connected reports whether text written to f goes to the journal (JOURNAL_STREAM in systemd.exec(5)).
func Connected(f *os.File) bool {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return false
	}
	return os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// Prefix is what stands before a line that goes to the journal by stderr: its priority (sd-daemon(3)), and the
// program's name, if the journal does not put that there. It does if systemd has started this process itself.
func Prefix(p Priority) string {
	if os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid()) {
		return fmt.Sprintf("<%d>", p)
	}
	return fmt.Sprintf("<%d>worker-wrap: ", p)
}
