//go:build guest

package starts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestNFSBinary: a binary on NFS can have no file capability, so nobody is sent to setcap.
func TestNFSBinary(t *testing.T) {
	server, dir := nfsExport(t, false), testkit.Dir(t)
	program, err := os.ReadFile(testkit.Binary(t))
	do(t, err, os.WriteFile(filepath.Join(server, "worker-wrap"), program, 0o755), os.Chmod(server, 0o755))
	mountFor(t, "127.0.0.1:/", dir, "nfs4", "addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.2,sec=sys,timeo=50,retrans=1")
	s := ordinary(t, testkit.Binary(t))
	c := command(nil, filepath.Join(dir, "worker-wrap"), "--temp", s.temp, "--", "true")
	code := c.end(t)
	oneLine(t, c.err.String(), "as NFS cannot", "install worker-wrap on a local one")
	if code != 125 || strings.Contains(c.err.String(), "setcap") {
		t.Errorf("exit code %d, %s", code, &c.err)
	}
}
