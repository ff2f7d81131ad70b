package perpid

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestVerdictOfProcessWithoutItsFirstThread: a process lives on when its first thread, for which
// /proc/PID/stat speaks, is a zombie.
func TestVerdictOfProcessWithoutItsFirstThread(t *testing.T) {
	gcc := testkit.RequireTool(t, "gcc", "gcc libc6-dev")
	dir := t.TempDir()
	const program = `
#include <pthread.h>
#include <unistd.h>
static void *other(void *p) { sleep(100); return p; }
int main(void) { pthread_t t; pthread_create(&t, 0, other, 0); pthread_exit(0); }
`
	source, path := filepath.Join(dir, "p.c"), filepath.Join(dir, "p")
	if err := os.WriteFile(source, []byte(program), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gcc, "-static", "-pthread", "-o", path, source).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	cmd := exec.Command(path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	o := Owner{PID: cmd.Process.Pid, PIDNS: self.PIDNS, Boot: self.Boot}
	testkit.Await(t, "the first thread has ended", func() bool {
		s, err := readStat("/proc", cmd.Process.Pid)
		o.Start = s.start
		return err == nil && s.state == 'Z'
	})
	if got := NewJudge(self, false).Verdict(o, time.Now()); got != Living {
		t.Errorf("%v, want living: another thread is", got)
	}
}
