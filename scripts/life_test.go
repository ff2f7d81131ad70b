//go:build !race

package scripts_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const (
	place = "/usr/lib/worker-wrap/worker-wrap"
	user  = "65534"
	// chosen is the machine's file of settings.
	chosen = "/etc/worker-wrap/settings"
)

// format is a kind of package and the tool that installs it.
type format struct {
	name                     string
	install, upgrade, remove []string
	purge                    []string // nil where remove leaves nothing
}

// formats: Debian's rpm wants to be told that it is meant, and its database knows no package that is
// depended on.
var formats = []format{
	{
		"deb",
		[]string{"dpkg", "-i"},
		[]string{"dpkg", "-i"},
		[]string{"dpkg", "-r", "worker-wrap"},
		[]string{"dpkg", "--purge", "worker-wrap"},
	},
	{
		"rpm",
		[]string{"rpm", "--force-debian", "--nodeps", "-i"},
		[]string{"rpm", "--force-debian", "--nodeps", "-U"},
		[]string{"rpm", "--force-debian", "-e", "worker-wrap"},
		nil,
	},
}

// inside is set in the test process that runs on a copy of this machine: format, first and next package.
const inside = "WORKER_WRAP_TEST_PACKAGES"

// testLife installs, upgrades and removes packages by dpkg and rpm themselves, on copies of this machine
// that are thrown away: the test changes nothing here, and whatever else is tested here does not disturb it.
func testLife(t *testing.T, out string) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "dpkg", "dpkg")
	testkit.RequireTool(t, "rpm", "rpm")
	testkit.RequireTool(t, "getcap", "libcap2-bin")
	testkit.RequireTool(t, "man", "man-db")
	testkit.RequireTool(t, "setpriv", "util-linux")
	next := packages(t, "1.2.4", runtime.GOARCH)
	again := filepath.Join(next, "test") // /tmp is not in the copy
	testkit.CopyProgram(t, "/proc/self/exe", again)
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("lib/scratch-machine", again, "-test.run=^TestLifeOfPackage$", "-test.v")
			second := one(t, filepath.Join(next, "*."+f.name))
			first := filepath.Join(out, strings.Replace(filepath.Base(second), "1.2.4", "1.2.3", 1))
			cmd.Env = append(os.Environ(), inside+"="+strings.Join([]string{f.name, first, second}, " "))
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestLifeOfPackage") {
				t.Errorf("on a copy of this machine: %v\n%s", err, out)
			}
			if _, err := os.Lstat(place); err == nil {
				t.Errorf("%s is on this machine itself", place)
			}
		})
	}
}

// TestLifeOfPackage is all that happens to a package. It does nothing but on the copy.
func TestLifeOfPackage(t *testing.T) {
	args := strings.Fields(os.Getenv(inside))
	if len(args) != 3 {
		return
	}
	i := slices.IndexFunc(formats, func(f format) bool { return f.name == args[0] })
	f := formats[i]
	before := traces(t)
	root := newRunner(t, "/srv/runner")
	others := []string{newRunner(t, "/srv/a"), newRunner(t, "/srv/z")}
	own := map[string]string{}
	for _, r := range others {
		own[r] = files(t, r)
	}

	must(t, f.install[0], append(f.install[1:], args[1])...)
	isInstalled(t, f, "1.2.3")
	isolates(t)
	must(t, "worker-wrap", "install", "--runner-root", root)
	if entry, err := os.ReadFile(root + "/bin/Runner.Worker"); err != nil || !strings.HasPrefix(string(entry), "#!"+place+" ") {
		t.Errorf("the shim starts %q (%v)", entry, err)
	}
	// The other runners have none, for which the exit status is not 0.
	if out, _ := run("worker-wrap", "status"); !strings.Contains(out, "\n"+root+"  yes  ") {
		t.Errorf("status: %s", out)
	}
	// No systemd is there to watch for updates, of which the doctor warns (exit status 1), and all else is well.
	if out, _ := run("worker-wrap", "doctor", "--runner-root", root); !strings.Contains(out, "the runner is protected") || !strings.Contains(out, "✓ trial") || strings.Contains(out, "✗") {
		t.Errorf("doctor: %s", out)
	}
	if data, err := os.ReadFile(chosen); err != nil || !strings.Contains(string(data), "\nWORKER_WRAP_ISOLATE=alone\n") {
		t.Errorf("%s: %q, %v", chosen, data, err)
	}
	runsAlone(t, root)

	// As if it came from a version that set nothing: an upgrade tells and sets it.
	if err := os.Remove(chosen); err != nil {
		t.Fatal(err)
	}

	// An upgrade replaces the binary in one step: at no moment is it missing or without its capability.
	stop, watched := make(chan struct{}), make(chan []string)
	go func() { watched <- watch(stop) }()
	if said := must(t, f.upgrade[0], append(f.upgrade[1:], args[2])...); !strings.Contains(said, "set WORKER_WRAP_ISOLATE=alone in "+chosen) {
		t.Errorf("the upgrade said %s", said)
	}
	close(stop)
	if bad := <-watched; len(bad) > 0 {
		t.Errorf("during the upgrade: %q", bad)
	}
	isInstalled(t, f, "1.2.4")
	isolates(t)
	runsAlone(t, root)
	must(t, "worker-wrap", "install", "--isolate", "always", "--runner-root", root)
	runs(t, root)

	// One busy runner of three is why the package stays, and then the idle ones keep their shim.
	for _, r := range others {
		if files(t, r) != own[r] {
			t.Errorf("a package that is installed or upgraded has changed %s, which had no shim", r)
		}
		must(t, "worker-wrap", "install", "--isolate", "always", "--runner-root", r)
		runs(t, r)
	}
	end := startWorker(t, root)
	// All that an uninstall changes but for what dead jobs left, which a sweep may be at just now.
	look := func() string {
		paths := []string{"/var/lib/worker-wrap"}
		for _, r := range append(others, root) {
			paths = append(paths, r+"/bin", r+"/.service", r+"/.runner")
			must(t, "ls", "-d", r+"/.worker-wrap", r+"/_diag/worker-wrap.jsonl")
		}
		return files(t, paths...)
	}
	wrapped := look()
	refusals := [][]string{f.remove}
	if f.purge != nil {
		refusals = append(refusals, []string{"apt-get", "-y", "purge", "worker-wrap"})
	}
	for _, refused := range refusals {
		if out, err := run(refused[0], refused[1:]...); err == nil || !strings.Contains(out, "not removed, since runners on this machine still need it") {
			t.Errorf("%q under a living Worker: %v\n%s", refused, err, out)
		} else if code := err.(*exec.ExitError).ExitCode(); refused[0] == "apt-get" && code != 100 {
			t.Errorf("%q: exit status %d\n%s", refused, code, out)
		}
		if now := look(); now != wrapped {
			t.Errorf("%q was refused, and has changed runners; they are\n%s\nand were\n%s", refused, now, wrapped)
		}
	}
	for _, r := range others {
		runs(t, r)
	}
	runs(t, root)
	end()
	if out, err := run(f.remove[0], f.remove[1:]...); err != nil || strings.Contains(out, "not empty") {
		t.Fatalf("%q: %v\n%s", f.remove, err, out)
	}
	if f.purge != nil {
		must(t, f.purge[0], f.purge[1:]...)
	}
	if data, err := os.ReadFile(filepath.Join(root, "bin", "Runner.Worker")); err != nil || string(data) != ownWorker {
		t.Errorf("the runner's own Worker is not back: %q, %v", data, err)
	}
	testkit.Await(t, "no sweep goes on that would record itself", func() bool { return len(testkit.Running(t, "\x00"+sweeper.Command+"\x00")) == 0 })
	for _, r := range others {
		if err := os.Remove(r + "/_diag/worker-wrap.jsonl"); err != nil { // which an audit needs
			t.Error(err)
		}
		if now := files(t, r); now != own[r] {
			t.Errorf("not restored:\n%s\nwas\n%s", now, own[r])
		}
	}
	for _, r := range append(others, root) {
		if err := os.RemoveAll(r); err != nil {
			t.Fatal(err)
		}
	}
	compare(t, "after the removal this machine", traces(t), before)
}

func one(t *testing.T, pattern string) string {
	t.Helper()
	match, err := filepath.Glob(pattern)
	if err != nil || len(match) != 1 {
		t.Fatalf("%s: %v (%v)", pattern, match, err)
	}
	return match[0]
}

// isInstalled looks at what an installed package has put where.
func isInstalled(t *testing.T, f format, version string) {
	t.Helper()
	if out := must(t, "worker-wrap", "--version"); !strings.HasPrefix(out, "worker-wrap "+version+" ") {
		t.Errorf("worker-wrap --version: %s", out)
	}
	if out := must(t, testkit.RequireTool(t, "getcap", "libcap2-bin"), place); strings.TrimSpace(out) != place+" cap_sys_admin=p" {
		t.Errorf("getcap: %q", out)
	}
	var st unix.Stat_t
	if err := unix.Stat(place, &st); err != nil || st.Mode&0o7777 != 0o755 || st.Uid != 0 || st.Gid != 0 {
		t.Errorf("%+v, %v", st, err)
	}
	if out := must(t, "man", "-w", "worker-wrap"); !strings.HasPrefix(out, "/usr/share/man/man8/worker-wrap.8") {
		t.Errorf("man -w: %s", out)
	}
	for _, path := range contents[f.name] {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}

// isolates runs a command as an ordinary user with a _temp of its own, by the installed program.
func isolates(t *testing.T) {
	t.Helper()
	temp := filepath.Join(testkit.Dir(t), "work", "_temp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{temp, filepath.Dir(temp)} {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	words := append(testkit.UserWords(user, user), "worker-wrap", "--temp", temp, "--", "sh", "-c", "echo x >"+temp+"/inside && ls "+temp)
	out := must(t, words[0], words[1:]...)
	if _, err := os.Stat(filepath.Join(temp, "inside")); out != "inside\n" || err == nil {
		t.Errorf("not isolated: %q, %v", out, err)
	}
}

// ownWorker stands for the runner's own Worker: it leaves a file in _temp, and with an argument it stays until
// its standard input ends.
const ownWorker = `#!/bin/sh
echo x >"$(dirname "$0")/../_work/_temp/$$" || exit 1
[ "${1-}" = "" ] || read -r _
exit 100
`

// files is everything below some folders: of each path type, mode, owner and target, of a file its time and content too.
func files(t *testing.T, roots ...string) string {
	t.Helper()
	out := must(t, "find", append(slices.Clone(roots), "-printf", "%p %y %m %U:%G %l\n")...) +
		must(t, "find", append(slices.Clone(roots), "-type", "f", "-printf", "%p %T@\n", "-exec", "sha256sum", "{}", ";")...)
	lines := strings.Split(out, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// newRunner makes a runner of an ordinary user that is a service.
func newRunner(t *testing.T, root string) string {
	t.Helper()
	unit := "actions.runner.o-r." + filepath.Base(root) + ".service"
	for name, text := range map[string]string{
		root + "/.runner":             "\xef\xbb\xbf{\"workFolder\": \"_work\"}",
		root + "/.service":            unit + "\n",
		root + "/bin/Runner.Worker":   ownWorker,
		root + "/bin/Runner.Listener": "#!/bin/sh\n",
		root + "/_work/_temp/x":       "",
		root + "/_diag/x":             "",
		"/etc/systemd/system/" + unit: "[Service]\nExecStart=" + root + "/runsvc.sh\nUser=nobody\nWorkingDirectory=" + root + "\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "chown", "-R", user+":"+user, root)
	return root
}

// worker is a command that starts the runner's Worker as its Listener does.
func worker(root string, args ...string) *exec.Cmd {
	words := append(append(testkit.UserWords(user, user), root+"/bin/Runner.Worker"), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = root + "/bin"
	return cmd
}

// runs starts a job that ends at once, and looks whether its _temp was its own.
func runs(t *testing.T, root string) {
	t.Helper()
	cmd := worker(root)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 100 || len(out) > 0 {
		t.Errorf("the job ended with %d: %s", code, out)
	}
	if left, err := os.ReadDir(root + "/_work/_temp"); err != nil || len(left) != 1 {
		t.Errorf("the job left something in the host's _temp: %v, %v", left, err)
	}
}

// runsAlone does the same for a job that is alone, whose _temp is the host's.
func runsAlone(t *testing.T, root string) {
	t.Helper()
	cmd := worker(root)
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 100 || len(out) > 0 {
		t.Errorf("the job ended with %d: %s", code, out)
	}
	left, err := filepath.Glob(root + "/_work/_temp/[0-9]*")
	if err != nil || len(left) != 1 {
		t.Errorf("the job left %q in the host's _temp, %v", left, err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// startWorker starts a job that lives until it is told to end, or the test ends.
func startWorker(t *testing.T, root string) (end func()) {
	t.Helper()
	cmd := worker(root, "stay")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			stdin.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	process := "/proc/" + strconv.Itoa(cmd.Process.Pid)
	testkit.Await(t, "the Worker starts", func() bool {
		data, err := os.ReadFile(process + "/comm")
		exe, _ := os.Readlink(process + "/exe") // the shim has the same name until it has become the Worker
		return err == nil && strings.HasPrefix(string(data), "Runner.Worker") && filepath.Base(exe) != filepath.Base(place)
	})
	return end
}

// watch notes each state of the installed binary other than "there, and with a capability".
func watch(stop chan struct{}) []string {
	var bad []string
	for {
		select {
		case <-stop:
			return bad
		default:
		}
		state := ""
		if n, err := unix.Getxattr(place, "security.capability", make([]byte, 64)); err != nil {
			state = err.Error()
		} else if n < 8 {
			state = "a damaged capability"
		}
		if state != "" && !slices.Contains(bad, state) {
			bad = append(bad, state)
		}
	}
}

// traces lists what on this machine has worker-wrap's name, in the places in which packages put things.
func traces(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, top := range []string{"/usr", "/etc", "/lib/systemd", "/var/lib", "/run"} {
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.Contains(filepath.Base(path), "worker-wrap") {
				out = append(out, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}
