//go:build guest

package starts_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// The profiles of Debian's package lxc, and two of what others have: Incus and LXD let privileged containers make
// recursive binds too, but none of /; Docker, containerd, Podman and CRI-O deny every mount.
const (
	lxcPlain   = "lxc-container-default-cgns"
	lxcNesting = "lxc-container-default-with-nesting"
	likeIncus  = "like-incus"
	likeDocker = "like-docker"

	profiles = globals + `
#include <lxc/lxc-default-cgns>
#include <lxc/lxc-default-with-nesting>
profile like-incus flags=(attach_disconnected,mediate_deleted) {
  #include <abstractions/lxc/container-base>
  mount options=(rw,rbind) /[^spd]*{,/**},
  mount options=(rw,rbind) /s[^y]*{,/**},
  deny mount options=(rw,bind) / -> /dev/pts/**,
}
` + dockerProfile

	globals       = "#include <tunables/global>\n"
	dockerProfile = `
profile like-docker flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,
  signal,
  ptrace,
  deny mount,
}
`
)

// loadOnce has the kernel know the profiles. Compiling them takes seconds under emulation.
var loadOnce = sync.OnceValue(func() error { return loadProfile(profiles) })

func loadProfile(text string) error {
	cmd := exec.Command("apparmor_parser", "--replace", "--skip-cache", "--base", "/etc/apparmor.d")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

func loadProfiles(t *testing.T) {
	t.Helper()
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "apparmor_parser", "apparmor")
	testkit.RequireTool(t, "lxc-start", "lxc") // its package has the profiles
	do(t, loadOnce())
}

// confined has the start be under a profile.
func (s *start) confined(profile string) *start {
	s.Args = append([]string{"sh", "-c", `echo "exec $0" >/proc/self/attr/exec && exec "$@"`, profile, s.Path}, s.Args[1:]...)
	s.Path, s.Err = exec.LookPath("sh")
	return s
}

// since reports whether this kernel is that or a newer one.
func since(t *testing.T, major, minor int) bool {
	t.Helper()
	var name unix.Utsname
	do(t, unix.Uname(&name))
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &a, &b); err != nil {
		t.Fatal(err)
	}
	return a > major || a == major && b >= minor
}

// groupOf returns the peer group ("shared:N") or the master ("master:N") of the topmost mount at path, in a mountinfo.
func groupOf(mountinfo, path string) (group string) {
	for line := range strings.Lines(mountinfo) {
		if f := strings.Fields(line); len(f) > 6 && f[4] == path {
			if group = f[6]; strings.HasPrefix(f[7], "master:") {
				group = f[7]
			}
		}
	}
	return group
}

// appArmorModes are the ways of a start.
var appArmorModes = []struct {
	name     string
	settings []string
	root     bool
}{
	{"root", nil, true},
	{"file capability", nil, false},
	{"tmpfs", []string{"BACKING=tmpfs"}, false},
	{"user namespace", []string{"USERNS=1"}, false},
}

// TestAppArmor: under the profiles of container managers that allow any mount a start isolates, and no other process
// sees any of it. The mount that _temp lies in stays connected in both directions if the profile lets it be bound.
func TestAppArmor(t *testing.T) {
	loadProfiles(t)
	shim := capable(t)
	for _, profile := range []string{lxcPlain, lxcNesting, likeIncus} {
		for _, mode := range appArmorModes {
			for _, own := range []bool{false, true} {
				if (profile != lxcPlain || mode.settings != nil) && own {
					continue // as with the folder in /
				}
				t.Run(fmt.Sprintf("%s, %s, work folder is a mount %v", profile, mode.name, own), func(t *testing.T) {
					dir, place := testkit.Dir(t), "/"
					if own {
						place = filepath.Join(dir, "own")
						do(t, os.Mkdir(place, 0o755))
						mountFor(t, "tmpfs", place, "tmpfs", "mode=755")
						dir = place
					}
					s := ordinaryIn(t, dir, shim)
					c := command(append(mode.settings, "FALLBACK=none"), s.worker, "-c", s.script()+"; cat /proc/self/mountinfo /proc/self/attr/current").confined(profile)
					if mode.root {
						c.SysProcAttr = nil
					}
					changed := mountsChange(t)
					before, err := os.ReadFile("/proc/self/mountinfo")
					code := c.end(t)
					if !since(t, 5, 12) && profile != lxcNesting { // without mount_setattr a mount cannot leave its peer group
						oneLine(t, c.err.String(), "permission denied", "AppArmor profile "+profile)
						if code != 125 || changed() {
							t.Errorf("exit code %d", code)
						}
						return
					}
					if err != nil || code != 0 || s.started(c) != "isolated" || c.err.String() != "" {
						t.Fatalf("%v, exit code %d, %q, %s", err, code, s.started(c), &c.err)
					}
					if changed() {
						t.Error("others have seen something being mounted")
					}
					if !strings.HasSuffix(c.out.String(), "\n"+profile+" (enforce)\n") {
						t.Errorf("it was not under %s", profile)
					}
					if len(mode.settings) > 0 && mode.settings[0] == "USERNS=1" {
						return // every mount is a slave there
					}
					full := groupOf(string(before), place)
					slave := strings.Replace(full, "shared:", "master:", 1)
					want := []string{full}
					switch {
					case !since(t, 5, 15), since(t, 6, 7) && profile == likeIncus:
						want = []string{slave}
					case since(t, 6, 7) && profile == lxcPlain && !own:
						// Its rules name every source but /. Older parsers, as Debian 12's, make more of them (CVE-2016-1585).
						want = []string{full, slave}
					}
					if got := groupOf(c.out.String(), place); !slices.Contains(want, got) || full == "" {
						t.Errorf("the mount that _temp lies in has %q, want %q", got, want)
					}
				})
			}
		}
	}
}

// mountsChange returns a function that reports whether this process's mounts have changed since, if only for a moment
// (proc_pid_mounts(5), on poll).
func mountsChange(t *testing.T) func() bool {
	t.Helper()
	f, err := os.Open("/proc/self/mountinfo")
	do(t, err)
	return func() bool {
		defer f.Close()
		return testkit.Polled(t, int(f.Fd()), unix.POLLPRI, 0)
	}
}

// TestAppArmorDeniesMounts: if nothing works the line names the profile and the mend. From Linux 5.12 to 6.6 AppArmor
// does not see the calls that a start makes.
func TestAppArmorDeniesMounts(t *testing.T) {
	loadProfiles(t)
	s := ordinary(t, capable(t))
	for _, mode := range appArmorModes {
		t.Run(mode.name, func(t *testing.T) {
			c := command(append(mode.settings, "FALLBACK=none"), s.worker, "-c", s.script()).confined(likeDocker)
			if mode.root {
				c.SysProcAttr = nil
			}
			changed := mountsChange(t)
			code := c.end(t)
			if since(t, 5, 12) && !since(t, 6, 7) {
				if code != 0 || s.started(c) != "isolated" || changed() {
					t.Errorf("exit code %d, %s", code, &c.err)
				}
				return
			}
			oneLine(t, c.err.String(), "permission denied", "AppArmor profile "+likeDocker)
			if code != 125 || s.started(c) != "" || changed() {
				t.Errorf("exit code %d, %q", code, &c.out)
			}
		})
	}
}

// TestLXC starts Workers in real containers of lxc-start, with its profile for them and with a generated one, as root
// and as an ordinary user; and in one whose root is an ordinary user outside (lxc.idmap), which a file capability of
// the host's root does not reach. The process that starts them is the one that would see a mount.
func TestLXC(t *testing.T) {
	loadProfiles(t)
	lxcStart, shim := testkit.RequireTool(t, "lxc-start", "lxc"), capable(t)
	mountFor(t, "cgroup2", "/sys/fs/cgroup", "cgroup2", "")
	const mapped = 100_000 // the first id outside
	for _, c := range []struct {
		name, profile string
		idmap         bool
	}{{lxcPlain, lxcPlain, false}, {"generated", "generated", false}, {"idmapped", "generated", true}} {
		t.Run(c.name, func(t *testing.T) {
			dir := testkit.Dir(t)
			rootfs, results := filepath.Join(dir, "rootfs"), filepath.Join(dir, "results")
			do(t, os.Mkdir(rootfs, 0o755), os.Mkdir(results, 0o777))
			s := ordinaryIn(t, rootfs, shim)
			for _, name := range []string{"usr", "lib64", "proc", "sys", "dev", "tmp", "run", "etc", "results"} {
				do(t, os.Mkdir(filepath.Join(rootfs, name), 0o755))
			}
			do(t, os.Symlink("usr/bin", filepath.Join(rootfs, "bin")), os.Symlink("usr/lib", filepath.Join(rootfs, "lib")))
			inside := func(path string) string { return strings.TrimPrefix(path, rootfs) }
			idmap, users := "", []string{"root", "capable"}
			if c.idmap {
				idmap, users = fmt.Sprintf("lxc.idmap = u 0 %[1]d 65536\nlxc.idmap = g 0 %[1]d 65536\n", mapped), users[:1]
				for _, tree := range []string{rootfs, results} {
					do(t, filepath.WalkDir(tree, func(path string, _ fs.DirEntry, err error) error {
						var st unix.Stat_t
						if err == nil {
							err = unix.Lstat(path, &st)
						}
						if err == nil {
							err = unix.Lchown(path, mapped+int(st.Uid), mapped+int(st.Gid))
						}
						return err
					}))
				}
			}
			config := filepath.Join(dir, "config")
			do(t, os.WriteFile(config, []byte(fmt.Sprintf(`
lxc.uts.name = runner
lxc.rootfs.path = dir:%s
lxc.net.0.type = empty
lxc.tty.max = 0
lxc.console.path = none
lxc.mount.auto = proc:mixed sys:mixed
lxc.mount.entry = /usr usr none rbind 0 0
lxc.mount.entry = /lib64 lib64 none rbind 0 0
lxc.mount.entry = %s results none bind 0 0
lxc.mount.entry = %s %s none bind,create=dir 0 0
lxc.apparmor.profile = %s
lxc.apparmor.allow_nesting = 0
%s`, rootfs, results, filepath.Dir(shim), filepath.Dir(shim)[1:], c.profile, idmap)), 0o644))
			// The Worker marks its _temp; who has started it looks for the mark, and at the mounts.
			script := fmt.Sprintf(`
cat /proc/self/attr/current >/results/label
export WORKER_WRAP_FALLBACK=none PATH=/usr/sbin:/usr/bin
try() { # NAME COMMAND…
	name=$1
	shift
	cat /proc/self/mountinfo >/results/before
	"$@" %[1]s -c ': >%[2]s/mark; [ -e "$WORKER_WRAP_HOST_TEMP/mark" ] && echo isolated; cat /proc/self/mountinfo' >/results/$name 2>&1
	echo "exit $?" >>/results/$name
	[ ! -e %[2]s/mark ] && cat /proc/self/mountinfo | cmp -s - /results/before && echo unseen >>/results/$name
}
try root env
`, inside(s.worker), inside(s.temp))
			if !c.idmap {
				script += fmt.Sprintf(`try capable setpriv --reuid %[1]d --regid %[1]d --clear-groups sh -c 'exec "$@"' sh`, user)
			}
			cmd := exec.Command(lxcStart, "--name=runner", "--lxcpath="+dir, "--rcfile="+config, "--foreground", "--logfile="+dir+"/log", "--", "/bin/sh", "-c", script)
			out, err := cmd.CombinedOutput()
			if err != nil {
				log, _ := os.ReadFile(dir + "/log")
				t.Fatalf("%v: %v\n%s\n%s", cmd, err, out, log)
			}
			label, _ := os.ReadFile(results + "/label")
			for _, name := range users {
				text, err := os.ReadFile(filepath.Join(results, name))
				do(t, err)
				if got := string(text); !strings.HasPrefix(got, "isolated\n") || !strings.HasSuffix(got, "exit 0\nunseen\n") {
					t.Errorf("as %s, labelled %q:\n%s", name, label, got)
				}
			}
			t.Logf("labelled %q", label)
		})
	}
}
