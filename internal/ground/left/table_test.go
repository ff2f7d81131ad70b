package left_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// escapes has the rows of the table in docs/left.md that cost little, by their first column: each command prints its PID.
var escapes = map[string][]string{
	"`cmd &`, `nohup cmd &`":                  {"sleep 1021 >/dev/null 2>&1 </dev/null & echo $!", "nohup sleep 1022 >/dev/null 2>&1 </dev/null & echo $!"},
	"`setsid cmd &`":                          {"setsid sleep 1023 >/dev/null 2>&1 </dev/null & echo $!"},
	"`env -i setsid cmd &`":                   {"env -i setsid sleep 1024 >/dev/null 2>&1 </dev/null & echo $!"},
	"`ssh-agent`, set-group-ID":               {"ssh-agent -s | sed -n 's/^SSH_AGENT_PID=\\([0-9]*\\);.*/\\1/p'"},
	"`sudo cmd &`":                            {"sudo -n sh -c 'sleep 1025 >/dev/null 2>&1 </dev/null & echo $!'"},
	"`unshare --map-root-user --mount cmd &`": {"unshare --map-root-user --mount sleep 1026 >/dev/null 2>&1 </dev/null & echo $!"},
}

// TestWhoEscapesWhat holds that table to what is so: by the runner's variable as its user reads it, by the session, and by
// the mount namespace.
func TestWhoEscapesWhat(t *testing.T) {
	testkit.RequireTool(t, "ssh-agent", "openssh-client")
	w := newWorld(t, "WORKER_WRAP_LEFTOVERS=list\n")
	job := w.worker(t)
	job.Do(t, "cd "+filepath.Join(w.root, "_work")+"; export RUNNER_TRACKING_ID=github_test")
	type seen struct {
		pid              int
		tracked, session string
	}
	rows := map[string][]seen{}
	yes := map[bool]string{true: "yes", false: "no"}
	for row, commands := range escapes {
		for _, command := range commands {
			said := job.Do(t, command)
			watch(t, said)
			pid, _ := strconv.Atoi(said)
			if strings.Contains(command, "sleep") {
				testkit.Becomes(t, pid, "sleep")
			}
			sid, err := unix.Getsid(pid)
			if err != nil {
				t.Fatal(err)
			}
			own, _ := unix.Getsid(job.Process.Pid)
			words := append(testkit.UserWords(strconv.Itoa(w.uid), strconv.Itoa(w.uid)), "cat", "/proc/"+said+"/environ")
			environ, _ := exec.Command(words[0], words[1:]...).Output()
			rows[row] = append(rows[row], seen{pid, yes[strings.Contains(string(environ), "RUNNER_TRACKING_ID=github_test")], yes[sid == own]})
		}
	}
	job.End()
	byRoot, byUser := w.listed(t, false), w.listed(t, true)
	has := func(list []left.Process, pid int) bool {
		return slices.ContainsFunc(list, func(p left.Process) bool { return p.PID == pid })
	}
	data, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "left.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 5 {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		for _, s := range rows[cells[0]] {
			found++
			namespace := yes[has(byRoot, s.pid)]
			if namespace == "yes" && !has(byUser, s.pid) {
				namespace = "yes, as root"
			}
			if cells[1] != s.tracked || cells[2] != s.session || cells[4] != namespace {
				t.Errorf("%s: it is %q, %q, %q", strings.TrimSpace(line), s.tracked, s.session, namespace)
			}
		}
	}
	if found != 7 {
		t.Errorf("%d of 7 ways stand in the table", found)
	}
}
