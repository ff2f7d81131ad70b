package enter

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestEnterIsLikeTheWorker compares what a command sees through enter with what the Worker itself sees.
func TestEnterIsLikeTheWorker(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	dir := testkit.Dir(t)
	root, path := testkit.Runner(t, dir, binary, "/bin/sh")
	p := testkit.Shell(t, path)
	temp := filepath.Join(root, "_work", "_temp")
	p.Do(t, "mkdir "+temp+"/inside; cd "+temp+"/inside; umask 027; export SEEN='a b'")
	// The environment is that of the process's start (proc_pid_environ(5)); the rest is as of now.
	const look = `pwd; umask; id -u; id -g; readlink /proc/self/ns/mnt; ls -d ` + `"$0"/inside; echo "$WORKER_WRAP_HOST_TEMP"`
	want := p.Do(t, strings.ReplaceAll(look, `"$0"`, temp))

	for _, which := range []string{strconv.Itoa(p.Process.Pid), "latest"} {
		out, err := exec.Command(binary, "enter", which, "--", "sh", "-c", look, temp).CombinedOutput()
		if err != nil {
			t.Fatalf("enter %s: %v\n%s", which, err, out)
		}
		if got := strings.TrimSuffix(string(out), "\n"); got != want {
			t.Errorf("enter %s sees\n%s\nand the Worker\n%s", which, got, want)
		}
	}
	if _, err := os.Stat(temp + "/inside"); err == nil {
		t.Error("the Worker's folder is in the host's _temp: it was not wrapped")
	}
}

func TestEnterTakesTheWorkersUser(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	temp := filepath.Join(testkit.Dir(t), "_temp")
	const script = `exec setpriv --reuid 65534 --regid 65533 --groups 65532,65531 sh -c 'echo ready; read line'`
	cmd := exec.Command(binary, "--temp", temp, "--", "sh", "-c", script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(binary, "enter", strconv.Itoa(cmd.Process.Pid), "--", "sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, got)
	}
	fields := strings.Fields(string(got))
	slices.Sort(fields[2:5])
	if want := "65534 65533 65531 65532 65533 CapEff: 0000000000000000"; strings.Join(fields, " ") != want {
		t.Errorf("got %q, want %q", fields, want)
	}
}

func TestEnterRefusals(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	for _, c := range []struct {
		args []string
		uid  uint32
		want string
	}{
		{[]string{"enter"}, 0, "say which Worker"},
		{[]string{"enter", "x"}, 0, "neither a PID nor latest"},
		{[]string{"enter", "4194305"}, 0, "there is no such process"},
		{[]string{"enter", strconv.Itoa(os.Getpid())}, 0, "not a wrapped Worker"},
		{[]string{"enter", strconv.Itoa(os.Getpid())}, 65534, "permission denied"},
	} {
		cmd := exec.Command(binary, c.args...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("%v as uid %d: %v, %q; want one line with %q", c.args, c.uid, err, out, c.want)
		}
	}
}
