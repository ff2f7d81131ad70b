package runner_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestInBinOfAnotherView: a process that has another runner at the same path, as in another container, is not this
// one's. One that has this runner at another path is.
func TestInBinOfAnotherView(t *testing.T) {
	testkit.RequireRoot(t)
	here, there, link := testkit.Dir(t), testkit.Dir(t), testkit.Dir(t)
	for _, dir := range []string{here, there} {
		if err := os.MkdirAll(filepath.Join(dir, "bin.1"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(dir+"/bin.1", filepath.Join(dir, "bin")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(here, "bin.1"), filepath.Join(link, "bin")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount --bind "$1" "$2" && cd "$2/bin" && echo ready && read -r _`, "sh", there, here)
	stdin, ierr := cmd.StdinPipe()
	stdout, oerr := cmd.StdoutPipe()
	if ierr != nil || oerr != nil || cmd.Start() != nil {
		t.Fatal(ierr, oerr)
	}
	defer func() {
		stdin.Close()
		_ = cmd.Wait()
	}()
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		t.Fatal(line, err)
	}
	other, self := fmt.Sprintf("/proc/%d", cmd.Process.Pid), "/proc/self"
	for _, test := range []struct {
		process, path, root string
		want                bool
	}{
		{self, here + "/bin/Runner.Worker", here, true},
		{self, here + "/bin.1/Runner.Worker", here, true},
		{self, here + "/bin.gone/Runner.Worker", here, true},
		{self, here + "/bin/Runner.Worker", there, false},
		{self, link + "/bin/Runner.Worker", here, true},
		{self, here + "/Runner.Worker", here, false},
		{other, here + "/bin/Runner.Worker", here, false},
		{other, here + "/bin/Runner.Worker", there, true},
		{other, there + "/bin/Runner.Worker", there, true},
		{other, "./Runner.Worker", there, true},
		{other, "Runner.Worker", here, false},
		{"/proc/none", here + "/bin/Runner.Worker", here, true},
	} {
		if got, err := runner.InBin(test.process, test.path, test.root); got != test.want || err != nil {
			t.Errorf("%s: %s in %s: %v, %v", test.process, test.path, test.root, got, err)
		}
	}
}
