package starts_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// controls is what a terminal or a log obeys: of both sets, at the end of a line, and as bytes that are no UTF-8.
const controls = "\x1b[2J\x1b]0;title\a\r\nworker-wrap: forged\x7f\u009b31m\x9b31m%s%n"

// hostileStrings are values that no setting, path or name should have.
var hostileStrings = []string{
	"", controls, "/" + controls, "unix:///" + controls, strings.Repeat("x", 100_000), "/" + strings.Repeat("y/", 50_000),
	"%s%s%n%n", "../../../../../etc", "/etc/../etc/shadow", "-", "--temp", "-c", "=", "==x", "unix://", "unix://../..", "9999999999999999999s", "-1s",
}

// quiet checks that nothing of what was printed is obeyed by a terminal.
func quiet(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		t.Errorf("%.60q: a control character in %.2000q", what, text)
	}
	if strings.Contains(text, "\nworker-wrap: forged") {
		t.Errorf("%.60q: a line of its own in %.2000q", what, text)
	}
}

// plainPath makes innocent find its programs whatever PATH is.
const plainPath = "PATH=/usr/bin:/bin; "

// harmlessOrRefused runs the start, which must not hang.
func harmlessOrRefused(t *testing.T, what string, c *start) (refused bool) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Errorf("%.60q: %v", what, err)
		return true
	}
	hang := time.AfterFunc(testkit.Patience, func() { t.Errorf("%.60q: a hang", what); _ = c.Process.Kill() })
	defer hang.Stop()
	_ = c.Wait()
	quiet(t, what, c.err.String())
	switch code := c.ProcessState.ExitCode(); {
	case code == 0:
		harmless(t, c.out.String())
		return false
	case code < 125 || code > 127 || c.out.String() != "":
		t.Errorf("%.60q: exit code %d, %.200q, %.200q", what, code, &c.out, &c.err)
	default:
		oneLine(t, c.err.String())
	}
	return true
}

// all runs the starts, a few at a time, and tells of both outcomes: one alone shows little.
func all(t *testing.T, starts map[string]*start) {
	t.Helper()
	var wg sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	slots := make(chan struct{}, 4)
	for what, c := range starts {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if harmlessOrRefused(t, what, c) {
				mu.Lock()
				refused++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d starts, of which %d were refused", len(starts), refused)
	if refused == 0 || refused == len(starts) {
		t.Error("all ended alike")
	}
}

// TestAttackByStrings: variables and arguments with values that no one should set.
func TestAttackByStrings(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	do(t, os.MkdirAll(s.root+"/_diag", 0o755), os.Chown(s.root+"/_diag", user, user))
	before := hostMounts(t)
	starts := map[string]*start{}
	for _, name := range []string{
		"WORKER_WRAP_LOG", "WORKER_WRAP_FALLBACK", "WORKER_WRAP_WAIT", "WORKER_WRAP_ISOLATE", "WORKER_WRAP_BACKING", "WORKER_WRAP_DOCKER", "WORKER_WRAP_USERNS",
		"WORKER_WRAP_HOST_TEMP", "WORKER_WRAP_" + controls, "DOCKER_HOST", "XDG_RUNTIME_DIR", "GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT", "PATH", "HOME", "TMPDIR",
	} {
		for _, value := range hostileStrings {
			c := command(nil, s.worker, "-c", plainPath+innocent)
			c.Env = append([]string{name + "=" + value, name + "=second"}, c.Env...)
			starts[name+"="+value] = c
		}
	}
	for _, value := range hostileStrings {
		c := command([]string{"DOCKER=off", "LOG=debug"}, s.worker, "-c", plainPath+innocent)
		c.Args[0] = value + "/Runner.Worker"
		c.Env[len(c.Env)-1] = "WORKER_WRAP_LOG=" // a debug log is many lines
		starts["argv[0] "+value] = c
		for _, option := range []string{"--temp", "--runner-root"} {
			starts[option+value] = command(nil, shim, option, value, "--", "/bin/sh", "-c", plainPath+innocent)
			starts[option+"="+value] = command(nil, shim, option+"="+value, option, value, "--", "/bin/sh", "-c", plainPath+innocent)
		}
	}
	all(t, starts)
	checkLog(t, s)
	sameMounts(t, before)
}

// checkLog checks that each line of the log is an object of its own, in which nothing is obeyed by a terminal.
func checkLog(t *testing.T, s scratch) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.root, "_diag", events.FileName))
	do(t, err)
	for line := range strings.Lines(string(data)) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || !strings.HasSuffix(line, "}\n") {
			t.Errorf("%.200q: %v", line, err)
		}
		quiet(t, "the log", line)
	}
	if len(data) == 0 {
		t.Error("nothing was logged")
	}
}

// TestAttackByNames: a runner whose folder has a name that terminals obey, and who reads of it.
func TestAttackByNames(t *testing.T) {
	shim := capable(t)
	dir := filepath.Join(testkit.Dir(t), strings.ReplaceAll(controls, "/", ""))
	do(t, os.Mkdir(dir, 0o755))
	s := ordinaryIn(t, dir, shim)
	do(t, os.MkdirAll(s.root+"/_diag", 0o755), os.Chown(s.root+"/_diag", user, user))
	logs, err := filepath.Glob(filepath.Join(testkit.Root(), "internal/evidence/audit/testdata/issue-4357/*.log"))
	do(t, err)
	if len(logs) == 0 {
		t.Fatal("there are no logs for audit")
	}
	for _, path := range logs { // for audit to have something to tell of
		data, err := os.ReadFile(path)
		do(t, err, os.WriteFile(filepath.Join(s.root, "_diag", filepath.Base(path)), data, 0o644))
	}
	in := command([]string{"DOCKER=off"}, s.worker, "-c", innocent+"read line; true")
	line, err := in.StdinPipe()
	do(t, err, in.Start())
	in.hasSaid(t, "CapPrm")
	do(t, os.Symlink("/etc/shadow", s.root+"/aside"))
	for what, c := range map[string]*start{
		"no such setting": command([]string{"ISOLATE=sometimes"}, s.worker, "-c", innocent),
		"debug":           command([]string{"DOCKER=off", "LOG=debug"}, s.worker, "-c", innocent),
		"fallback":        command([]string{"DOCKER=off", "FALLBACK=run"}, shim, "--temp", s.root+"/aside", "--", "/bin/sh", "-c", innocent),
		"not there":       command(nil, shim, "--runner-root", s.root+"/no", "--", "/bin/true"),
	} {
		c.end(t)
		quiet(t, what, c.err.String())
	}
	for _, args := range [][]string{
		{"ps", "--"},
		{"ps", "--json"},
		{"status", "--runner-root", s.root},
		{"status", "--json", "--runner-root", s.root},
		{"audit", s.root},
		{"audit", "--json", s.root},
		{"gc", "--dry-run", "--runner-root", s.root},
		{"gc", "--json", "--runner-root", s.root},
		{"uninstall", "--dry-run", "--runner-root", s.root},
	} {
		c := command(nil, shim, args...)
		c.end(t)
		quiet(t, args[0]+" "+args[1], c.out.String()+c.err.String())
		if !strings.Contains(c.out.String()+c.err.String(), "forged") {
			t.Errorf("%q does not name the runner: %q, %q", args[:2], &c.out, &c.err)
		}
	}
	checkLog(t, s)
	do(t, line.Close())
	if code := in.end(t); code != 0 {
		t.Errorf("exit code %d, %q", code, &in.err)
	}
	harmless(t, in.out.String())
}

// TestAttackByCurrentFolder: one that cannot be read, searched or found, and paths about as long as can be.
func TestAttackByCurrentFolder(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	cwd := s.root + "/cwd"
	starts := map[string]*start{}
	for what, script := range map[string]string{
		"unreadable": `mkdir "$0" && cd "$0" && chmod 300 . && exec "$@"`, "unsearchable": `mkdir "$0" && cd "$0" && chmod 0 . && exec "$@"`,
		"deleted": `mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"`,
		"deep":    `n=0; mkdir "$0"; cd "$0"; while [ $n -lt 25 ]; do d=` + strings.Repeat("d", 200) + `; mkdir $d; cd -P ./$d || break; n=$((n+1)); done 2>/dev/null; exec "$@"`,
	} {
		for kind, args := range map[string][]string{
			"worker": {s.worker, "-c", innocent}, "temp": {shim, "--temp", "t", "--", "/bin/sh", "-c", innocent}, "above": {shim, "--temp", "..", "--", "/bin/sh", "-c", innocent},
			"runner": {shim, "--", "/bin/sh", "-c", innocent},
		} {
			starts[what+" "+kind] = command([]string{"DOCKER=off"}, "/bin/sh", append([]string{"-c", script, cwd + what + kind}, args...)...)
		}
	}
	for _, length := range []int{4090, 4094, 4095, 4096, 4097, 5000} {
		pad := length - len(s.temp)
		path := s.root + strings.Repeat("/", pad) + strings.TrimPrefix(s.temp, s.root)
		starts["temp "+itoa(length)] = command([]string{"DOCKER=off"}, shim, "--temp", path, "--", "/bin/sh", "-c", innocent)
	}
	all(t, starts)
}
