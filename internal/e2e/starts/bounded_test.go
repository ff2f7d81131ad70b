package starts_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestWithoutTheCapability: if CAP_SYS_ADMIN is not in the bounding set, as in a container by default, the kernel runs
// the installed file all the same. It says what is missing. It ran none with an effective capability.
func TestWithoutTheCapability(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	named := regexp.MustCompile(`✗ (bounding set|container) `)
	bounded := []string{testkit.RequireTool(t, "setpriv", "util-linux"), "--bounding-set=-sys_admin"}
	for who, words := range map[string][]string{
		"root": bounded,
		"user": append(append([]string{}, bounded...), testkit.UserWords(itoa(user), itoa(user))...),
	} {
		run := func(settings []string, program ...string) (code int, out, stderr string) {
			t.Helper()
			argv := append(append([]string{}, words...), program...)
			c := command(settings, argv[0], argv[1:]...)
			c.SysProcAttr = nil
			code = c.end(t)
			return code, c.out.String(), c.err.String()
		}
		code, out, stderr := run(nil, s.worker, "-c", "echo started")
		oneLine(t, stderr, "unshare(CLONE_NEWNS): operation not permitted", "CAP_SYS_ADMIN")
		if code != 125 || out != "" {
			t.Errorf("%s: exit code %d, %q", who, code, out)
		}
		code, out, stderr = run([]string{"FALLBACK=run"}, s.worker, "-c", "echo started")
		oneLine(t, stderr, "WITHOUT a _temp of its own", "CAP_SYS_ADMIN")
		if code != 0 || out != "started\n" {
			t.Errorf("%s, FALLBACK=run: exit code %d, %q", who, code, out)
		}
		code, out, stderr = run(nil, shim, "--temp", s.temp, "--", "/bin/echo", "started")
		oneLine(t, stderr, "CAP_SYS_ADMIN")
		if code != 125 || out != "" {
			t.Errorf("%s, by hand: exit code %d, %q", who, code, out)
		}
		code, out, stderr = run(nil, shim, "doctor", "--runner-root", s.root)
		if code != 2 || stderr != "" || !strings.Contains(out, "the runner is not protected") || strings.Contains(out, "has no file capability") ||
			!named.MatchString(out) || !strings.Contains(out, "--cap-add SYS_ADMIN") {
			t.Errorf("%s, doctor: exit code %d, %s%s", who, code, out, stderr)
		}
	}
}

// TestOlderCapability: a file that has the capability as older releases gave it, effective, still works where it did.
func TestOlderCapability(t *testing.T) {
	shim := capable(t)
	if out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), "cap_sys_admin+ep", shim).CombinedOutput(); err != nil {
		t.Fatalf("setcap: %v\n%s", err, out)
	}
	s := ordinary(t, shim)
	code, out, stderr := s.run(t, `echo "$WORKER_WRAP_HOST_TEMP"`)
	if code != 0 || !strings.HasPrefix(out, s.store) || stderr != "" {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
}
