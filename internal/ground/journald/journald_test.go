package journald

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSend: what arrives is one entry, whatever the line holds; if nobody listens nothing waits.
func TestSend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	if err := send(path, "x"); err == nil {
		t.Error("sent to nobody")
	}
	journal, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer journal.Close()
	if err := send(path, "a job\nPRIORITY=0"); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 4096)
	n, err := journal.Read(data)
	if want := "PRIORITY=3\nSYSLOG_IDENTIFIER=worker-wrap\nMESSAGE=a job\\x0aPRIORITY=0\n"; err != nil || string(data[:n]) != want {
		t.Errorf("%q, %v, want %q", data[:n], err, want)
	}
}

// TestConnected: a stream to the journal is known by its inode, and the journal names who systemd has started.
func TestConnected(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(w.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for stream, want := range map[string]bool{"": false, fmt.Sprintf("%d:%d", st.Dev, st.Ino+1): false, fmt.Sprintf("%d:%d", st.Dev, st.Ino): true} {
		t.Setenv("JOURNAL_STREAM", stream)
		if got := Connected(w); got != want {
			t.Errorf("JOURNAL_STREAM=%s: %v", stream, got)
		}
	}
	for pid, want := range map[int]string{os.Getpid(): "<4>", os.Getppid(): "<4>worker-wrap: "} {
		t.Setenv("SYSTEMD_EXEC_PID", strconv.Itoa(pid))
		if got := Prefix(Warning); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
