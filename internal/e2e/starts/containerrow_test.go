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
	shim    string
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
	doctor  string // the worker-wrap that is run as one
	s       scratch
}

// in runs a command in a container of the row's as a user. Each has one of its own: docker exec does not hand on no_new_privs
// to an ordinary user.
func (c containers) in(row containerRow, as int, args ...string) string {
	dir, own := filepath.Dir(row.shim), filepath.Dir(c.doctor)
	line := []string{"run", "--rm", "--network=none", "--user", fmt.Sprint(as), "-v", dir + ":" + dir + ":ro", "-v", own + ":" + own + ":ro", "-v", c.s.root + ":" + row.root(c.s)}
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

// ask returns what doctor and status say of the row after a command of root's, and whether to both it is protected.
func (c containers) ask(t *testing.T, row containerRow, before string) (report string, protected bool) {
	t.Helper()
	do(t, os.RemoveAll(c.s.store)) // of another PID namespace now
	report, state, _ := strings.Cut(c.in(row, 0, "/bin/sh", "-c", `sudo() { /bin/busybox "$@"; }; eval "$2"; "$0" doctor --runner-root "$1"; echo ====; "$0" status --runner-root "$1"`, c.doctor, row.root(c.s), before), "====\n")
	protected = strings.Contains(report, "\nthe runner is protected")
	if strings.Contains(state, "  yes  ") != protected {
		t.Errorf("status says otherwise than doctor:\n%s%s", report, state)
	}
	return report, protected
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
			before, done = "sudo "+command, true
		}
		if strings.HasPrefix(mend, "start the runner's container with its work folder at a path that is the host's too") {
			out.there, done = "", true
		}
	}
	return out, before, done
}

// check holds doctor and status to what becomes of a job, before and after what doctor prints is done.
func (c containers) check(t *testing.T, row containerRow) {
	c.s = ordinary(t, row.shim)
	testkit.Give(t, c.s.root, row.user)
	do(t, os.WriteFile(c.s.worker+".real", []byte("#!/bin/sh\nexec /bin/sh -c \"$1\"\n"), 0o755))
	if c.socket != "" {
		mode := os.FileMode(0o600)
		if row.owner > user-1000 && row.owner != user { // a third's, which everybody may use
			mode = 0o666
		}
		do(t, os.Chown(c.socket, row.owner, 0), os.Chmod(c.socket, mode))
	}
	row.write(t, c.s)
	said := c.in(row, row.user, "/bin/sh", "-c", `exec "$0" "$1"`, row.root(c.s)+strings.TrimPrefix(c.s.worker, c.s.root),
		`case $WORKER_WRAP_HOST_TEMP in */.worker-wrap/*) echo IS isolated;; *) echo IS plain;; esac; while read -r l; do case $l in *worker-wrap*.docker.sock*) echo IS proxy;; esac; done </proc/self/mountinfo`)
	var job []string
	for line := range strings.Lines(said) {
		if is, ok := strings.CutPrefix(line, "IS "); ok {
			job = append(job, strings.TrimSpace(is))
		}
	}
	if len(job) == 0 {
		job = []string{"refused"}
	}
	if got := strings.Join(job, " "); got != row.job {
		t.Errorf("the job is %s, want %s: %s", got, row.job, said)
	}
	report, protected := c.ask(t, row, "")
	// A job's containers are part of it.
	if protected != (job[0] == "isolated" && !strings.HasPrefix(row.says, "✗ docker")) {
		t.Errorf("the job is %s, and doctor says\n%s", job, report)
	}
	flat := strings.Join(strings.Fields(report), " ")
	if !strings.Contains(flat, strings.Join(strings.Fields(row.says), " ")) {
		t.Errorf("doctor does not say %q:\n%s", row.says, report)
	}
	for _, wrong := range []string{"systemctl", "service's unit", "lchown", "job was not started: "} {
		if strings.Contains(report, wrong) && (wrong[0] != 'j' || job[0] != "refused") {
			t.Errorf("doctor says %q:\n%s", wrong, report)
		}
	}
	after, before, done := row.mended(report)
	if !done {
		if !protected {
			t.Errorf("doctor prints nothing to be done:\n%s", report)
		}
		return
	}
	after.write(t, c.s)
	if report, protected = c.ask(t, after, before); !protected || strings.Contains(report, "✗") || strings.Contains(report, "! docker") {
		t.Errorf("after what doctor prints has been done (%v, %q):\n%s", after, before, report)
	}
}
