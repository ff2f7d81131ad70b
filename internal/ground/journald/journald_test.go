package journald

import (
	"net"
	"path/filepath"
	"testing"
)

// TestSend: what arrives is one entry, whatever the line holds; where nobody listens nothing waits.
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
