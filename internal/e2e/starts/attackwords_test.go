package starts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// nasty are values that a program may stumble over, or a terminal that they are printed on.
var nasty = map[string]string{
	"empty": "", "control": "a\nb\x1b[2J\x1b]0;x\x07\u009b31m\x7f\r", "bytes": "\x9b31m\xff\xfe", "format": "%s%n%!d(x)", "upwards": "../../../../../../etc",
	"absolute": "/etc/shadow", "number": "99999999999999999999", "negative": "-1s", "size": "tmpfs:100%", "long": strings.Repeat("x/", 50_000), "name": strings.Repeat("n", 300),
}

// TestAttackByWords gives every setting, and what else a start reads, every nasty value. The start is refused in one
// line, or is an innocent program's.
func TestAttackByWords(t *testing.T) {
	s, state := stateful(t)
	before := hostMounts(t)
	names := []string{"DOCKER_HOST", "XDG_RUNTIME_DIR", "GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT", "PATH", "HOME", "TMPDIR", "TZ"}
	for _, name := range []string{"LOG", "FALLBACK", "WAIT", "ISOLATE", "BACKING", "DOCKER", "USERNS", "HOST_TEMP", "NONE"} {
		names = append(names, "WORKER_WRAP_"+name)
	}
	for what, value := range nasty {
		for _, name := range names {
			c := command(nil, s.worker, "report")
			c.Env = append([]string{name + "=" + value}, c.Env...)
			if name == "GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT" {
				c.Env = append(c.Env, "WORKER_WRAP_WAIT=1ms")
			}
			harmlessOrRefused(t, name+" is "+what, c)
		}
		c := command(nil, s.worker, "report")
		c.Env = append(c.Env, "WORKER_WRAP_"+value+"=1")
		harmlessOrRefused(t, "a setting's name is "+what, c)
		c = command(nil, s.worker, "report")
		c.Args[0] = value + "/Runner.Worker"
		harmlessOrRefused(t, "argv[0] is "+what, c)
		for _, args := range [][]string{
			{"--temp", value, "--", state, "report"}, {"--runner-root", value, "--", state, "report"}, {"--temp", s.temp, "--", value}, {"--" + value}, {value}, {"run", value}, {"enter", value}, {"gc", "--older-than", value},
		} {
			c := command([]string{"DOCKER=off"}, filepath.Join(filepath.Dir(s.worker), "worker-wrap"), args...)
			c.Path, _ = os.Readlink(s.worker)
			c.Dir = testkit.Dir(t)
			code := c.end(t)
			if code < 0 || code == 2 {
				t.Errorf("%.60q: exit code %d, %.300q", args, code, &c.err)
			}
			if strings.Contains(c.out.String(), "Cap") {
				harmless(t, c.out.String())
			}
			quiet(t, args[0]+" "+what, c.out.String()+c.err.String())
		}
	}
	sameMounts(t, before)
}
