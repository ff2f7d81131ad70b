package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
		for f in mountinfo limits cgroup oom_score_adj; do echo "$f:"; cat /proc/$p/$f; done
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
see
`

// deeds are what jobs do that can tell a mount, a namespace or a proxy.
var deeds = []struct {
	name, script string
	byRoot       bool
	docker       bool
}{
	{name: "nothing"},
	{name: "a hook makes _temp anew", script: `rm -rf "$RUNNER_TEMP" && mkdir "$RUNNER_TEMP" && echo done`},
	{name: "a hook empties the work folder", script: `rm -rf "$work"/*; echo $?; mkdir "$RUNNER_TEMP"`},
	{name: "the work folder is moved away and back", script: `mv "$work" "$work.away" && mv "$work.away" "$work"; echo $?`},
	{name: "files are moved and linked out of _temp", script: `
		echo x >"$RUNNER_TEMP/file"; mkdir "$RUNNER_TEMP/folder"
		ln "$RUNNER_TEMP/file" "$work/linked"; echo $?
		mv "$RUNNER_TEMP/file" "$work/moved"; echo $?
		perl -e 'rename "$ENV{RUNNER_TEMP}/folder", "$ENV{GITHUB_WORKSPACE}/folder" or print "$!\n"'`},
	{name: "_temp is exchanged for a link", script: `mkdir "$work/elsewhere" && rmdir "$RUNNER_TEMP/_github_home" && mv "$RUNNER_TEMP" "$work/old" && ln -s elsewhere "$RUNNER_TEMP"; echo $?`},
	{name: "it mounts", byRoot: true, script: `
		mkdir "$RUNNER_TEMP/mounted" && mount -t tmpfs job "$RUNNER_TEMP/mounted" && : >"$RUNNER_TEMP/mounted/file"; echo $?
		nsenter --mount=/proc/1/ns/mnt ls "$RUNNER_TEMP" | wc -l
		grep -c "$RUNNER_TEMP" /proc/self/mountinfo; umount "$RUNNER_TEMP/mounted"; echo $?`},
	{name: "docker", byRoot: true, docker: true, script: `
		echo x >"$RUNNER_TEMP/file"
		d="docker -H unix://$SOCKET"
		$d run --rm --network none -v "$RUNNER_TEMP:/t" -v "$SOCKET:/var/run/docker.sock" ` + testkit.DockerImage + ` sh -c 'cat /t/file; echo y >/t/made; ls -l /var/run/docker.sock | wc -l'; echo $?
		$d run --rm --network none -v /:/host ` + testkit.DockerImage + ` cat "/host$RUNNER_TEMP/made"; echo $?
		$d run -d --restart always --name stays --network none -v "$RUNNER_TEMP:/t" -v "$SOCKET:/var/run/docker.sock" ` + testkit.DockerImage + ` sleep 1000 | wc -c
		$d inspect -f '{{json .HostConfig.RestartPolicy}}{{range .Mounts}}{{"\n"}}{{.Source}} {{.Destination}} {{.Mode}}{{end}}' stays | sort # dockerd has them in any order
		$d exec stays ls /t | sort; $d rm -f stays; $d context ls | wc -l`},
}

// TestALoneJobCannotTell: but for /proc/self/exe, a job of a Worker that is alone sees, does and leaves what one without worker-wrap does.
func TestALoneJobCannotTell(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "perl", "perl-base")
	shim, dir := testkit.Capable(t), testkit.Dir(t)
	program := filepath.Join(dir, "Runner.Worker")
	if out, err := exec.Command("go", "build", "-o", program, filepath.Join(testkit.Root(), "internal/evidence/standin/cmd/Runner.Worker")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, d := range deeds {
		t.Run(d.name, func(t *testing.T) {
			uid, socket := user, ""
			if d.byRoot {
				uid = 0
			}
			if d.docker {
				socket = filepath.Join(testkit.Dir(t), "docker.sock")
				testkit.StartDockerdAt(t, socket)
			}
			// In one place, so that every path is the same.
			home := filepath.Join(testkit.Dir(t), "home")
			var seen [2]string
			for i := range seen {
				seen[i] = lonely(t, home, program, map[bool]string{true: shim}[i == 1], uid, "SOCKET="+socket, d.script)
				if err := os.RemoveAll(home); err != nil {
					t.Fatal(err)
				}
			}
			compare(t, seen[0], seen[1])
		})
	}
}

// lonely runs a job with this script, and returns what it saw and what was left of it.
func lonely(t *testing.T, home, program, shim string, uid int, env, script string) string {
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
	l := &standin.Listener{
		Root: root.Dir, Scale: 0.1, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", env},
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
	return steady(fmt.Sprintf("%s\nleft:\n%s\ncode %d, state %v, shown %q, kept %q, held %q\n", seen, left, result.Code, result.State, result.Shown, result.Kept, result.Held), w.PID)
}

var (
	guids   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}`)
	numbers = regexp.MustCompile(`((?:pipe|socket|anon_inode|/proc)[:/]\[?)\d+|\.sh\.\w+|overlay2/\w+|_\d{8}-\d{6}-utc`)
)

// steady takes out of a text what differs from run to run.
func steady(text string, worker int) string {
	text = guids.ReplaceAllString(text, "GUID")
	text = numbers.ReplaceAllString(text, "$1")
	return strings.ReplaceAll(text, fmt.Sprint(worker), "PID")
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
