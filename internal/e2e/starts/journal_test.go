package starts_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestRefusalInTheJournal: why a job was not started is one line of priority err where an administrator looks.
func TestRefusalInTheJournal(t *testing.T) {
	if !inside(t) {
		return
	}
	ownRun(t)
	const socket = "/run/systemd/journal/socket"
	do(t, os.MkdirAll(filepath.Dir(socket), 0o755))
	journal, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	do(t, err)
	defer journal.Close()
	do(t, os.Chmod(socket, 0o666))
	s := ordinary(t, testkit.Binary(t))
	do(t, os.Chown(s.temp, 61000, 61000))
	code, _, stderr := s.run(t, "true")
	entry := make([]byte, 4096)
	do(t, journal.SetReadDeadline(time.Now().Add(testkit.Patience)))
	n, err := journal.Read(entry)
	do(t, err)
	said := string(entry[:n])
	if code == 0 || !strings.HasPrefix(said, "PRIORITY=3\n") || !strings.Contains(said, "MESSAGE=a job of the runner in "+s.root+" was not started: ") || !strings.Contains(said, "belongs to uid 61000") {
		t.Errorf("exit code %d, %q, and the journal is told %q", code, stderr, said)
	}
}
