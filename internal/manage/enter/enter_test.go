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

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
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

	out, err := exec.Command(binary, "enter", strconv.Itoa(p.Process.Pid), "--", "sh", "-c", look, temp).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := strings.TrimSuffix(string(out), "\n"); got != want {
		t.Errorf("enter sees\n%s\nand the Worker\n%s", got, want)
	}
	if _, err := os.Stat(temp + "/inside"); err == nil {
		t.Error("the Worker's folder is in the host's _temp: it was not wrapped")
	}
}

// TestEnterStartsWhereTheJobIs: in the workspace of the repository that the Worker's log names, as a step would.
func TestEnterStartsWhereTheJobIs(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	root, path := testkit.Runner(t, testkit.Dir(t), binary, "/bin/sh")
	p := testkit.Shell(t, path)
	work, log := filepath.Join(root, "_work"), filepath.Join(root, "_diag", "Worker_20260420-114836-utc.log")
	p.Do(t, "exec 9>"+log+"; echo '[2026-11-28 17:26:18Z INFO PipelineDirectoryManager] Loading tracking config if exists: "+work+"/_PipelineMapping/octo/repo/PipelineFolder.json' >&9")
	enter := func() string {
		cmd := exec.Command(binary, "enter", strconv.Itoa(p.Process.Pid), "--", "sh", "-c", `pwd; echo "$RUNNER_TEMP $GITHUB_WORKSPACE"`)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	if got := enter(); !strings.HasPrefix(got, "worker-wrap: in the Worker's own folder: chdir "+work+"/repo/repo: no such file") {
		t.Errorf("before there is a workspace: %s", got)
	}
	p.Do(t, "mkdir -p "+work+"/repo/repo")
	if got, want := enter(), work+"/repo/repo\n"+work+"/_temp "+work+"/repo/repo\n"; got != want {
		t.Errorf("%swant %s", got, want)
	}
}

// TestEnterLatest starts two Workers, in a PID namespace where nobody else starts any.
func TestEnterLatest(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	_, path := testkit.Runner(t, testkit.Dir(t), binary, "/bin/sh")
	const script = `
"$1" -c 'touch "$WORKER_WRAP_HOST_TEMP/../first"; sleep 1000; :' &
while ! [ -e "$2/first" ]; do sleep 0.02; done
sleep 0.05 # start times are counted in hundredths of a second
"$1" -c 'touch "$WORKER_WRAP_HOST_TEMP/../second"; sleep 1000; :' &
second=$!
while ! [ -e "$2/second" ]; do sleep 0.02; done
ls -d "$2/$second"-*
"$3" enter latest -- sh -c 'echo "$WORKER_WRAP_HOST_TEMP"'
` // the Workers end with the namespace
	store := filepath.Join(filepath.Dir(filepath.Dir(path)), perpid.StoreName)
	out, err := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", path, store, binary).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if lines := strings.Fields(string(out)); len(lines) != 2 || lines[0] != lines[1] {
		t.Errorf("the folders of the Worker that started last, and of the one that was entered: %q", lines)
	}
}

func TestEnterTakesTheWorkersUser(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	temp := filepath.Join(testkit.Dir(t), "_temp")
	const script = `exec setpriv --reuid 65534 --regid 65533 --groups 65532,65531 sh -c 'echo ready; read line'`
	cmd := exec.Command(binary, "--mkdir", "--temp", temp, "--", "sh", "-c", script)
	in, out := testkit.Talk(t, cmd)
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

// TestEnterChroot: the root folder is the Worker's too, with its users' names.
func TestEnterChroot(t *testing.T) {
	testkit.RequireRoot(t)
	binary, dir := testkit.Binary(t), testkit.Dir(t)
	testkit.CopyProgram(t, binary, filepath.Join(dir, "ww"))
	if err := os.MkdirAll(filepath.Join(dir, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "etc/passwd"), []byte("inside:x:0:0::/:/bin/sh\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	const script = `mount --bind "$1" "$1"
cd "$1"
for top in usr bin lib lib64; do [ ! -d /$top ] || { mkdir $top; mount --bind /$top $top; }; done
mkdir proc w
mount -t proc proc proc
exec chroot . /ww --mkdir --temp /w/_temp -- sh -c 'cd w; echo ready; read line'`
	cmd := exec.Command("unshare", "--mount", "sh", "-euc", script, "sh", dir)
	in, out := testkit.Talk(t, cmd)
	defer cmd.Wait()
	defer in.Close()
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command(binary, "enter", strconv.Itoa(cmd.Process.Pid), "--", "sh", "-c", "/bin/pwd; id -un; ls -A /etc").CombinedOutput()
	if want := "/w\ninside\npasswd\n"; err != nil || string(got) != want {
		t.Errorf("%v: %s, want %s", err, got, want)
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
		{[]string{"enter", "latest", "ls", "--", "-l"}, 0, "after --: worker-wrap enter latest -- ls -l"},
		{[]string{"enter", "latest"}, 65534, "other users: sudo worker-wrap enter latest"},
		{[]string{"enter", "1", "--", "sh", "-c", "echo a"}, 65534, "needs root, and so does looking into the processes of other users: sudo worker-wrap enter 1 -- sh -c 'echo a'"},
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
