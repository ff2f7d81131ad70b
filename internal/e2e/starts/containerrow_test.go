package starts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// containerRow is a way of a runner in a container.
type containerRow struct {
	what    string
	was     string // a worker-wrap that is in place already, "" for none
	options []string
	user    int
	env     string // of the Listener's, and in .env
	there   string // where the container has the runner, "" for the host's path
	owner   int    // of the Docker socket
	job     string // what becomes of one: isolated, plain or refused; with "proxy" if it has one
	says    string // part of doctor's report
}

// containers is what a row's containers are made by.
type containers struct {
	command func(args ...string) *exec.Cmd
	socket  string // of its daemon, "" if it has none
	binary  string // the worker-wrap that is installed
	s       scratch
	lib     string // the folder that an install puts it into
}

// installed is where the container has that folder.
const installed = "/usr/local/lib/worker-wrap"

// in runs a command in a container of the row's as a user. Each has one of its own: docker exec does not hand on no_new_privs
// to an ordinary user.
func (c containers) in(row containerRow, as int, args ...string) string {
	own := filepath.Dir(c.binary)
	line := []string{"run", "--rm", "--network=none", "--user", fmt.Sprint(as), "-v", c.lib + ":" + installed, "-v", own + ":" + own + ":ro", "-v", c.s.root + ":" + row.root(c.s)}
	line = append(line, row.options...)
	for _, e := range row.settings() {
		line = append(line, "-e", e)
	}
	out, _ := c.command(append(append(line, testkit.DockerImage), args...)...).CombinedOutput()
	return string(out)
}

func (row containerRow) root(s scratch) string {
	if row.there != "" {
		return row.there
	}
	return s.root
}

// settings are what its Listener is started with.
func (row containerRow) settings() []string {
	env := []string{"WORKER_WRAP_ISOLATE=always"}
	switch {
	case strings.HasPrefix(row.env, "DOCKER_HOST"):
		env = append(env, row.env)
	case row.env != "":
		env = append(env, "WORKER_WRAP_"+row.env)
	}
	return env
}

// write puts them where its Listener reads them.
func (row containerRow) write(t *testing.T, s scratch) {
	t.Helper()
	do(t, os.WriteFile(filepath.Join(s.root, ".env"), []byte(strings.Join(row.settings(), "\n")+"\n"), 0o644))
}

// fresh makes the row's runner one without worker-wrap, unless it has one already.
func (c containers) fresh(t *testing.T, row containerRow) {
	t.Helper()
	do(t, os.RemoveAll(c.s.store)) // of another PID namespace now
	if row.was != "" {
		return
	}
	do(t, os.Remove(c.s.worker), os.Rename(c.s.worker+".real", c.s.worker), os.RemoveAll(c.lib), os.Mkdir(c.lib, 0o755))
}

// asked is what the subcommands of worker-wrap say of a row, and whether to them it can be, or is, protected.
type asked struct {
	install, doctor, status string
	refused, protected      bool
}

// ask has root install worker-wrap in the row's container, after a command and by force if that is refused, and asks doctor
// and status then.
func (c containers) ask(t *testing.T, row containerRow, before string) (says asked) {
	t.Helper()
	c.fresh(t, row)
	said := c.in(row, 0, "/bin/sh", "-c", `sudo() { if [ "${1##*/}" = worker-wrap ]; then shift; "$ww" "$@"; else /bin/busybox "$@"; fi; }
ww=$0
eval "$2"
[ -e "$1/bin/Runner.Worker.real" ] || "$0" install --runner-root "$1" || "$0" install --force --runner-root "$1"
echo ====; "$0" doctor --runner-root "$1"; echo ====; "$0" status --runner-root "$1"`, c.binary, row.root(c.s), before)
	says.install, said, _ = strings.Cut(said, "====\n")
	says.doctor, says.status, _ = strings.Cut(said, "====\n")
	says.refused = strings.Contains(says.install, row.root(c.s)+" is left as it is")
	says.protected = strings.Contains(says.doctor, "\nthe runner is protected")
	if strings.Contains(says.status, "  yes  ") != says.protected {
		t.Errorf("status says otherwise than doctor:\n%s%s", says.doctor, says.status)
	}
	return says
}

// job says what becomes of one: isolated, plain or refused; and "proxy" if it has one.
func (c containers) job(row containerRow) (is []string, said string) {
	said = c.in(row, row.user, "/bin/sh", "-c", `exec "$0" "$1"`, row.root(c.s)+strings.TrimPrefix(c.s.worker, c.s.root),
		`case $WORKER_WRAP_HOST_TEMP in */.worker-wrap/*) echo IS isolated;; *) echo IS plain;; esac; while read -r l; do case $l in *worker-wrap*.docker.sock*) echo IS proxy;; esac; done </proc/self/mountinfo`)
	for line := range strings.Lines(said) {
		if word, ok := strings.CutPrefix(line, "IS "); ok {
			is = append(is, strings.TrimSpace(word))
		}
	}
	if len(is) == 0 {
		is = []string{"refused"}
	}
	return is, said
}

// mended is the row once what doctor prints is done: with other options for its container, another line in .env, or after a
// command of root's in it.
func (row containerRow) mended(report string) (out containerRow, before string, done bool) {
	out = row
	out.options = slices.Clone(row.options)
	for line := range strings.Lines(report) {
		_, mend, _ := strings.Cut(strings.TrimSpace(line), "→ ")
		if with, is := strings.CutPrefix(mend, "run it with --"); is {
			with, _, _ = strings.Cut("--"+with, ",")
			out.options, done = append(out.options, strings.Fields(with)...), true
		}
		if without, is := strings.CutPrefix(mend, "run it without --"); is {
			option, rest, _ := strings.Cut("--"+without, " ")
			value, _, _ := strings.Cut(rest, " ")
			if i := slices.Index(out.options, option); i >= 0 && out.options[i+1] == value {
				out.options, done = slices.Delete(out.options, i, i+2), true
			}
		}
		if strings.HasPrefix(mend, "take the line out of ") {
			out.env, done = "", true
		}
		if _, command, is := strings.Cut(mend, "is there: sudo "); is {
			before, done = before+"sudo "+command+"\n", true
		}
		if strings.HasPrefix(mend, "sudo ") && strings.Contains(mend, "worker-wrap install --runner-root ") {
			before, done = before+mend+"\n", true
		}
		if strings.HasPrefix(mend, "start the runner's container with its work folder at a path that is the host's too") {
			out.there, done = "", true
		}
	}
	return out, before, done
}

// check holds install, doctor and status to what becomes of a job, before and after what doctor prints is done.
func (c containers) check(t *testing.T, row containerRow) {
	c.s = ordinary(t, filepath.Join(installed, "worker-wrap"))
	testkit.Give(t, c.s.root, row.user)
	c.lib = filepath.Join(testkit.Dir(t), "lib")
	do(t, os.Mkdir(c.lib, 0o755), os.WriteFile(c.s.worker+".real", []byte("#!/bin/sh\nexec /bin/sh -c \"$1\"\n"), 0o755))
	if row.was != "" {
		do(t, os.Link(row.was, filepath.Join(c.lib, "worker-wrap")))
	}
	if c.socket != "" {
		mode := os.FileMode(0o600)
		if row.owner > user-1000 && row.owner != user { // a third's, which everybody may use
			mode = 0o666
		}
		do(t, os.Chown(c.socket, row.owner, 0), os.Chmod(c.socket, mode))
	}
	row.write(t, c.s)
	says := c.ask(t, row, "")
	job, said := c.job(row)
	if got := strings.Join(job, " "); got != row.job {
		t.Errorf("the job is %s, want %s: %s", got, row.job, said)
	}
	// A job's containers are part of it.
	if says.protected != (job[0] == "isolated" && !strings.HasPrefix(row.says, "✗ docker")) {
		t.Errorf("the job is %s, and doctor says\n%s", job, says.doctor)
	}
	if row.was == "" && says.refused != (job[0] != "isolated") {
		t.Errorf("the job is %s, and an install says\n%s", job, says.install)
	}
	flat := strings.Join(strings.Fields(says.doctor), " ")
	if !strings.Contains(flat, strings.Join(strings.Fields(row.says), " ")) {
		t.Errorf("doctor does not say %q:\n%s", row.says, says.doctor)
	}
	for _, wrong := range []string{"systemctl", "service's unit", "lchown", "job was not started: "} {
		if text := says.install + says.doctor; strings.Contains(text, wrong) && (wrong[0] != 'j' || job[0] != "refused") {
			t.Errorf("an install or doctor says %q:\n%s", wrong, text)
		}
	}
	after, before, done := row.mended(says.doctor)
	if !done {
		if !says.protected {
			t.Errorf("doctor prints nothing to be done:\n%s", says.doctor)
		}
		return
	}
	after.write(t, c.s)
	says = c.ask(t, after, before)
	if !says.protected || says.refused || strings.Contains(says.doctor, "✗") || strings.Contains(says.doctor, "! docker") {
		t.Errorf("after what doctor prints has been done (%v, %q):\n%s%s", after, before, says.install, says.doctor)
	}
	if job[0] == "isolated" {
		return
	}
	if job, said := c.job(after); job[0] != "isolated" {
		t.Errorf("after what doctor prints has been done the job is %s: %s", job, said)
	}
}
