package starts_test

import (
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// withoutNamespaces runs a Worker where no user namespace can be made: in a user namespace of the test's own,
// whose limit is 0, without any capability.
func (s scratch) withoutNamespaces(t *testing.T, script string, settings ...string) (code int, stdout, stderr string) {
	t.Helper()
	unshare, setpriv := testkit.RequireTool(t, "unshare", "util-linux"), testkit.RequireTool(t, "setpriv", "util-linux")
	c := command(settings, unshare, "--user", "--map-current-user", "--keep-caps", "/bin/sh", "-c",
		`echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"`, "sh", setpriv, "--inh-caps=-all", "--ambient-caps=-all", s.worker, "-c", script)
	code = c.end(t)
	return code, c.out.String(), c.err.String()
}

// TestUsernsForbidden: if the kernel makes no user namespace, that is said, and the fallbacks hold.
func TestUsernsForbidden(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	code, out, stderr := s.withoutNamespaces(t, whereAmI, "USERNS=1")
	if code != 125 || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	oneLine(t, stderr, "user namespace", "no space left", "max_user_namespaces")
	for _, fallback := range []string{"run", "wait"} {
		code, out, stderr := s.withoutNamespaces(t, whereAmI, "USERNS=1", "FALLBACK="+fallback)
		if code != 0 || !strings.HasPrefix(out, s.temp+"\n") {
			t.Errorf("%s: exit code %d, %q", fallback, code, out)
		}
		if e := s.last(t, events.Fallback); !strings.Contains(e.Error, "max_user_namespaces") {
			t.Errorf("%s: the event log has %+v", fallback, e)
		}
		if fallback == "run" {
			oneLine(t, stderr, "WITHOUT", "max_user_namespaces")
		}
	}
	s.unlocked(t)
	other := s.unwrapped(t)
	code, out, stderr = s.withoutNamespaces(t, whereAmI, "USERNS=1", "FALLBACK=wait", "WAIT=100ms")
	if code != 125 || out != "" {
		t.Errorf("beside another: exit code %d, %q", code, out)
	}
	oneLine(t, stderr, itoa(other.pid()), "alive")
}

// TestUsernsIsNeverChosenSilently: without the setting nothing is started in a user namespace, though
// that would work.
func TestUsernsIsNeverChosenSilently(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	code, out, stderr := s.run(t, "echo started")
	if code != 125 || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	oneLine(t, stderr, "unshare")
	_, _, debug := s.run(t, "true", "USERNS=1", "LOG=debug")
	if !strings.Contains(debug, "sudo") {
		t.Errorf("the debug log does not say that sudo will not work: %s", debug)
	}
}

// TestNoNewPrivs: with it the file capability counts for nothing, and a user namespace works.
func TestNoNewPrivs(t *testing.T) {
	setpriv := testkit.RequireTool(t, "setpriv", "util-linux")
	s := ordinary(t, capable(t))
	run := func(settings ...string) (int, string, string) {
		c := command(settings, setpriv, "--no-new-privs", s.worker, "-c", whereAmI+"; grep NoNewPrivs /proc/self/status")
		code := c.end(t)
		return code, c.out.String(), c.err.String()
	}
	code, out, stderr := run()
	if code != 125 || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	oneLine(t, stderr, "no_new_privs") // the mend is the unit's, or the container's in one: package blame's tests
	code, out, stderr = run("USERNS=1")
	if code != 0 || stderr != "" || !strings.HasPrefix(out, s.store) || !strings.HasSuffix(out, "NoNewPrivs:\t1\n") {
		t.Errorf("in a user namespace: exit code %d, %q, %q", code, out, stderr)
	}
	code, out, stderr = run("FALLBACK=run")
	if code != 0 || !strings.HasPrefix(out, s.temp+"\n") {
		t.Errorf("with a fallback: exit code %d, %q", code, out)
	}
	oneLine(t, stderr, "WITHOUT", "no_new_privs")
}
