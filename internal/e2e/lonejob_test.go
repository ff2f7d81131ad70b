package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// see prints what a job can see: of the mounts, of its own process, and of its Worker.
const see = `
see() {
	for p in self $PPID; do
		for n in mnt pid user net ipc uts cgroup; do echo "$n $(readlink /proc/$p/ns/$n)"; done
		echo mountinfo:; sed -E 's/^[0-9]+ [0-9]+ (0:)?[0-9:]+/\1/' /proc/$p/mountinfo # the kernel numbers mounts, and file systems without a device, as it likes
		for f in limits cgroup oom_score_adj; do echo "$f:"; cat /proc/$p/$f; done
		grep -E '^(Umask|Uid|Gid|Groups|SigIgn|SigCgt|Cap|NoNew|Seccomp)' /proc/$p/status # a Go program blocks signals while it forks
		ls -l /proc/$p/fd | sed -E 's/.* ([0-9]+ -> )/\1/'
		readlink /proc/$p/cwd /proc/$p/root
	done
	cat /proc/$PPID/comm
	tr '\0' '\n' </proc/$PPID/cmdline
	env | sort
	stat -c '%n %a %u %g %h %F' "$RUNNER_TEMP" "$work"
	find "$work" -printf '%P %y %m %u %g\n' | sort
}
work=${RUNNER_TEMP%/*}
exec >"$work/../seen" 2>&1
until [ "$(cat /proc/$$/oom_score_adj)" = 500 ]; do sleep 0.01; done # the Worker is through with it
see
`

// TestALoneJobCannotTell: but for /proc/self/exe, a job of a Worker that is alone sees, does and leaves what one without worker-wrap does.
func TestALoneJobCannotTell(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "perl", "perl-base")
	testkit.RequireTool(t, "podman", "podman")
	testkit.RequireTool(t, "newuidmap", "uidmap")
	testkit.RequireTool(t, "runc", "runc")
	shim, dir := testkit.Capable(t), testkit.Dir(t)
	program := filepath.Join(dir, "Runner.Worker")
	if out, err := exec.Command("go", "build", "-o", program, filepath.Join(testkit.Root(), "internal/evidence/standin/cmd/Runner.Worker")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var dockerd *testkit.Dockerd // of all deeds
	socket := filepath.Join(testkit.Dir(t), "docker.sock")
	for _, d := range deeds {
		if d.docker && dockerd == nil {
			dockerd = testkit.StartDockerdAt(t, socket)
		}
		t.Run(d.name, func(t *testing.T) {
			uid, tcp, compose := user, "", ""
			if d.compose {
				compose = filepath.Join(testkit.NewerDocker(t), "usr/bin/docker-compose")
			}
			if d.byRoot {
				uid = 0
			}
			if d.known {
				var name string
				name, uid = testkit.User(t)
				testkit.MaySudo(t, name)
			}
			if d.docker {
				tcp = byTCP(t, socket)
			}
			own := testkit.Dir(t)
			testkit.Give(t, own, uid)
			// In one place, so that every path is the same.
			home := filepath.Join(testkit.Dir(t), "home")
			var seen [2]string
			var workers []string // of both, since the PID of one can be any other number in what is seen
			see := func() {
				for i := range seen {
					root := aloneIn(t, home, program, map[bool]string{true: shim}[i == 1], uid)
					leave := d.enter(t, root, dockerd)
					for range max(1, d.jobs) {
						text, pid := lonely(t, root, uid, d.script, "SOCKET="+socket, "TCP="+tcp, "OWN="+own, "COMPOSE="+compose)
						seen[i], workers = seen[i]+text, append(workers, strconv.Itoa(pid))
					}
					if err := errors.Join(leave(), os.RemoveAll(home)); err != nil {
						t.Fatal(err)
					}
				}
			}
			if d.place == nil {
				see()
			} else {
				apart(t, see)
			}
			if containers := d.docker || d.known; containers && d.place == nil && (!strings.Contains(seen[0], "\ny\n") || strings.Contains(seen[0], "code 102")) {
				t.Errorf("without worker-wrap the containers saw nothing: %s", seen[0])
			}
			compare(t, steady(seen[0], workers), steady(seen[1], workers))
		})
	}
}

// byTCP gives a daemon, which has a network namespace of its own, an address on loopback.
func byTCP(t *testing.T, socket string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	half := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.(interface{ CloseWrite() error }).CloseWrite()
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			daemon, err := net.Dial("unix", socket)
			if err != nil {
				t.Error(err)
				return
			}
			go half(daemon, client)
			go half(client, daemon)
		}
	}()
	return "tcp://" + l.Addr().String()
}

// aloneIn makes a runner of the user's in home, with the shim if that is named.
func aloneIn(t *testing.T, home, program, shim string, uid int) standin.Root {
	t.Helper()
	root, err := standin.MakeRoot(home, standin.RootOptions{Folder: true})
	if err != nil {
		t.Fatal(err)
	}
	worker := filepath.Join(root.Bin, standin.WorkerName)
	text, err := os.ReadFile(program)
	err = errors.Join(err, os.WriteFile(worker, text, 0o755), os.MkdirAll(root.Temp, 0o755))
	if shim != "" {
		names := filepath.Join(root.Bin, ".worker-wrap")
		err = errors.Join(err, os.Rename(worker, worker+".real"), os.Symlink(shim, worker), os.Mkdir(names, 0o755),
			os.Symlink("../"+standin.WorkerName+".real", filepath.Join(names, standin.WorkerName)),
			os.WriteFile(filepath.Join(root.Dir, ".worker-wrap.env"), []byte(aloneVar+"\n"), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, home, uid)
	return root
}

// lonely runs a job with this script, and returns what it saw and what was left of it, and its Worker's PID.
func lonely(t *testing.T, root standin.Root, uid int, script string, env ...string) (text string, pid int) {
	t.Helper()
	l := &standin.Listener{
		Root: root.Dir, Scale: 0.1, Env: append(env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
		Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}},
	}
	defer l.Close()
	w, err := l.Start(standin.Job{Name: "a job", Steps: []standin.Step{{Name: "deed", Run: see + script + "\nsee\n"}, {Name: "after", Output: "a=b"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	result := w.Wait()
	seen, err := os.ReadFile(filepath.Join(root.Dir, "seen"))
	if err != nil || len(seen) < 5000 {
		t.Fatalf("the job saw %q, %v; it ended with %+v", seen, err, result)
	}
	left, err := exec.Command("find", root.Work, "-printf", `%P %y %m %u %g\n`).Output()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s\nleft:\n%s\ncode %d, state %v, shown %q, kept %q, held %q\n", seen, left, result.Code, result.State, result.Shown, result.Kept, result.Held), w.PID
}

var (
	guids   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}`)
	mounted = regexp.MustCompile(`(?m)^\d+ \d+ (\d+:\d+ .*/_work )`) // a mount that was made for this runner
	numbers = regexp.MustCompile(`((?:pipe|socket|anon_inode|/proc)[:/]\[?)\d+|\.sh\.\w+|overlay2/\w+|_\d{8}-\d{6}-utc`)
	number  = regexp.MustCompile(`\d+`)
)

// steady takes out of a text what differs from run to run, such as the PIDs of the Workers.
func steady(text string, workers []string) string {
	text = guids.ReplaceAllString(text, "GUID")
	text = mounted.ReplaceAllString(text, "$1")
	text = numbers.ReplaceAllString(text, "$1")
	return number.ReplaceAllStringFunc(text, func(n string) string {
		if slices.Contains(workers, n) {
			return "PID"
		}
		return n
	})
}

// compare reports each line that was seen in one way more often than in the other.
func compare(t *testing.T, without, with string) {
	t.Helper()
	count := map[string]int{}
	for line := range strings.Lines(without) {
		count[line]++
	}
	for line := range strings.Lines(with) {
		count[line]--
	}
	for line, n := range count {
		if n != 0 {
			t.Errorf("without worker-wrap there is %d times more: %q", n, line)
		}
	}
}
