package detach

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestNoPrivilege: an ordinary user's process has no capability, though the file it runs grants one and
// its starter has it.
func TestNoPrivilege(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	program := filepath.Join(dir, "program")
	copyFile(t, "/proc/self/exe", program)
	testkit.GiveCapability(t, program)
	conn, there := pair(t)
	cmd := exec.Command(program)
	cmd.Args = []string{starter}
	cmd.ExtraFiles = []*os.File{there}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	there.Close()
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	var f facts
	decode(t, conn, &f)
	_ = conn.CloseWrite()
	f.check(t, 1)
	for _, set := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if strings.Trim(f.Status[set], "0") != "" {
			t.Errorf("%s: %s", set, f.Status[set])
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
