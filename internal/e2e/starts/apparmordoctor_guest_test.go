//go:build guest

package starts_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDoctorUnderAppArmor: under each profile doctor, status and an install agree with what becomes of a job there.
// Under the one that denies mounts every way is tried, and again once the profile is as doctor says.
func TestDoctorUnderAppArmor(t *testing.T) {
	loadProfiles(t)
	for _, profile := range []string{lxcPlain, lxcNesting, likeIncus, likeDocker} {
		t.Run(profile, func(t *testing.T) {
			dir := testkit.Dir(t)
			shim := filepath.Join(dir, "lib", "worker-wrap", "worker-wrap")
			do(t, os.MkdirAll(filepath.Dir(shim), 0o755), os.Rename(capable(t), shim))
			var runners []scratch
			args := []string{"--runner-root"}
			modes := appArmorModes
			if profile != likeDocker {
				modes = modes[1:2]
			}
			for i, mode := range modes {
				in := filepath.Join(dir, strconv.Itoa(i))
				do(t, os.Mkdir(in, 0o755))
				s := ordinaryIn(t, in, shim)
				text := "WORKER_WRAP_FALLBACK=none\n"
				for _, setting := range mode.settings {
					text += "WORKER_WRAP_" + setting + "\n"
				}
				do(t, os.Rename(s.worker+".real", s.worker), os.WriteFile(filepath.Join(s.root, ".worker-wrap.env"), []byte(text), 0o644))
				if mode.root {
					testkit.Give(t, s.root, 0)
				}
				if runners = append(runners, s); i > 0 {
					args = append(args, "--runner-root")
				}
				args = append(args, s.root)
			}
			// as returns what a subcommand of root's says, under the profile.
			as := func(words ...string) *start {
				c := command(nil, shim, append(words, args...)...).confined(profile)
				c.SysProcAttr, c.Env = nil, c.Env[:1] // the runners have settings
				c.end(t)
				return c
			}
			agree := func(mended bool) {
				t.Helper()
				installed := as("install", "--prefix", dir, "--bin-only", "--isolate", "always")
				for _, s := range runners {
					if _, err := os.Stat(s.worker + ".real"); err != nil {
						do(t, os.Rename(s.worker, s.worker+".real"), os.Symlink(shim, s.worker))
					}
				}
				var doctor struct{ Runners []struct{ Protected bool } }
				var status []struct{ Protected bool }
				said, stands := as("doctor", "--json"), as("status", "--json")
				do(t, json.Unmarshal([]byte(said.out.String()), &doctor), json.Unmarshal([]byte(stands.out.String()), &status))
				for i, s := range runners {
					c := command(modes[i].settings, s.worker, "-c", s.script()).confined(profile)
					if modes[i].root {
						c.SysProcAttr = nil
					}
					c.end(t)
					isolated := s.started(c) == "isolated"
					left := strings.Contains(installed.err.String(), s.root+" is left as it is")
					if is := doctor.Runners[i].Protected; is != isolated || status[i].Protected != isolated || left == isolated || mended && !isolated {
						t.Errorf("%s, mended: %v: a job is isolated: %v (%s); protected to doctor: %v, to status: %v; an install leaves it: %v\n%s%s",
							modes[i].name, mended, isolated, &c.err, is, status[i].Protected, left, &installed.err, &said.out)
					}
				}
				if profile == likeDocker && !strings.Contains(said.out.String(), "allow mount in the profile") {
					t.Errorf("doctor, and later the record of the last start, says\n%s", &said.out)
				}
			}
			agree(false)
			if profile == likeDocker {
				t.Cleanup(func() { do(t, loadProfile(globals+dockerProfile)) })
				do(t, loadProfile(globals+strings.Replace(dockerProfile, "deny mount,", "mount,", 1)))
				agree(true)
			}
		})
	}
}
