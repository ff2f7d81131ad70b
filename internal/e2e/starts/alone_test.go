package starts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// hardship is a machine on which no Worker can be isolated, by the kernel's own means.
type hardship struct {
	name string
	// script prepares the machine as root, in a mount namespace of the start's own. $root is the runner's.
	script  string
	denials []string // system calls that fail, see deny.c
	setpriv string   // what becomes of the start's privileges
	spoil   func(t *testing.T, s scratch)
	shim    func(t *testing.T) string // capable where it is nil
	says    string                    // the cause, in the event log
	noEvent bool                      // none can be written
	noMark  bool                      // the program cannot write into _temp
}

// permitted returns a copy of worker-wrap whose file capability is not in the effective set at once: so it can be
// executed without the capability in the bounding set.
func permitted(t *testing.T) string {
	path := capable(t)
	var value [64]byte
	n, err := unix.Getxattr(path, "security.capability", value[:])
	if err != nil {
		t.Fatal(err)
	}
	value[0] &^= 1 // VFS_CAP_FLAGS_EFFECTIVE
	do(t, unix.Setxattr(path, "security.capability", value[:n], 0))
	return path
}

func hardships() []hardship {
	refused := func(calls ...string) (out []string) {
		for _, call := range calls {
			out = append(out, denial(call, unix.EPERM))
		}
		return out
	}
	return []hardship{
		{name: "NoNewPrivileges", setpriv: "--no-new-privs", says: "no_new_privs"},
		{name: "RestrictNamespaces", denials: refused("unshare"), says: "mount namespace"},
		{name: "SystemCallFilter without mount", denials: refused("mount", "mount_setattr", "move_mount", "open_tree", "fsopen"), says: "not permitted"},
		{name: "empty CapabilityBoundingSet", setpriv: "--bounding-set=-all", shim: permitted, says: "mount namespace"},
		{name: "PrivateDevices, ProtectKernelTunables, LockPersonality on systemd 252", setpriv: "--no-new-privs --bounding-set=-mknod,-sys_rawio", says: "no_new_privs"},
		{name: "ProcSubset=pid", script: "mount -t proc -o subset=pid proc /proc", setpriv: "--no-new-privs", says: "no_new_privs"},
		{name: "_work read-only", script: `mount --bind "$root/_work" "$root/_work"; mount -o remount,ro,bind "$root/_work"`, says: "read-only", noMark: true},
		{name: "all of it read-only", script: `mount --bind "$root" "$root"; mount -o remount,ro,bind "$root"`, noMark: true, noEvent: true},
		{name: "_work is root's, without a _temp", says: "permission denied", noMark: true, spoil: func(t *testing.T, s scratch) {
			do(t, os.Remove(s.temp), os.Chown(filepath.Dir(s.temp), 0, 0))
		}},
		{name: "_temp is root's", says: "belongs to uid 0", spoil: func(t *testing.T, s scratch) {
			do(t, os.Chown(s.temp, 0, 0), os.Chmod(s.temp, 0o777))
		}},
		{name: "the store is another's", says: "belongs to uid", spoil: func(t *testing.T, s scratch) {
			for _, store := range perpid.Paths(s.root, s.temp) {
				do(t, os.Mkdir(store, 0o755), os.Chown(store, user+7, user+7))
			}
		}},
		{name: "the store cannot be made", says: "is not a folder", spoil: func(t *testing.T, s scratch) {
			for _, store := range perpid.Paths(s.root, s.temp) {
				do(t, os.WriteFile(store, nil, 0o600))
			}
		}},
		{name: "_work leads to the root", setpriv: "--no-new-privs", says: "no_new_privs", spoil: func(t *testing.T, s scratch) {
			work := filepath.Dir(s.temp)
			do(t, os.RemoveAll(work), os.Symlink(".", work), os.Mkdir(s.temp, 0o755), os.Chown(s.temp, user, user))
		}},
		{name: "the disk is full", denials: []string{denial("mkdirat", unix.ENOSPC)}, says: "no space left"},
	}
}

// on makes it a start on such a machine.
func (s *start) on(h hardship, root, deny string) *start {
	script := "root=" + root + "; " + h.script + "\n"
	if len(h.denials) > 0 {
		script += `exec "$@"`
		s.under(deny, h.denials...)
	} else {
		// Through a shell, since setpriv keeps the permitted set, and nothing is gained by a file's capability then.
		script += `exec setpriv --reuid 61234 --regid 61234 --clear-groups ` + h.setpriv + ` sh -c 'exec "$@"' sh "$@"`
	}
	return s.asRoot(script)
}

// TestAloneIsNeverRefused: on each of these machines a Worker that is alone runs in the plain _temp, silently as an
// install has it. If it is to be isolated all the same, that is a line in the event log, and none on stderr. Another
// that comes meanwhile is refused, and runs when the first was killed.
func TestAloneIsNeverRefused(t *testing.T) {
	testkit.RequireTool(t, "setpriv", "util-linux")
	deny := compile(t, "deny", testkit.Dir(t))
	for _, h := range hardships() {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel() // most of it is waiting
			if h.shim == nil {
				h.shim = capable
			}
			s := ordinary(t, h.shim(t))
			do(t, os.MkdirAll(filepath.Join(s.root, "_diag"), 0o755), os.Chown(filepath.Join(s.root, "_diag"), user, user))
			if h.spoil != nil {
				h.spoil(t, s)
			}
			s.leaveUnknown(t)
			worker := func(script string, settings ...string) *start {
				return command(append(settings, "DOCKER=off"), s.worker, "-c", script).on(h, s.root, deny)
			}
			for _, isolate := range []string{"alone", "always"} { // the first as an install has it
				c := worker(s.script(), "FALLBACK=", "ISOLATE="+isolate)
				code := c.end(t)
				if !h.noMark && (code != 0 || s.started(c) != "plain" || c.err.String() != "") || h.noMark && c.out.String() != "started\n" {
					t.Fatalf("ISOLATE=%s: exit code %d, %q: %s", isolate, code, &c.out, &c.err)
				}
			}
			if !h.noEvent {
				if e := s.log(t, events.Fallback); len(e) != 1 || e[0].Outcome != events.Plain || !strings.Contains(e[0].Error, h.says) {
					t.Errorf("the event log has %+v", e)
				}
			}
			c := worker("echo started", "FALLBACK=none")
			code := c.end(t)
			if oneLine(t, c.err.String(), "not started"); code != 125 || c.out.String() != "" {
				t.Errorf("by FALLBACK=none: exit code %d, %q", code, &c.out)
			}

			first := worker("echo started; exec sleep 1000", "FALLBACK=")
			do(t, first.Start())
			t.Cleanup(func() { _ = first.Process.Kill(); _ = first.Wait() })
			first.hasSaid(t, "started\n")
			c = worker("echo started", "FALLBACK=", "WAIT=100ms")
			code = c.end(t)
			if oneLine(t, c.err.String(), "cannot run without"); code != 125 || c.out.String() != "" {
				t.Errorf("beside another: exit code %d, %q", code, &c.out)
			}
			next := worker("echo started", "FALLBACK=")
			do(t, next.Start(), first.Process.Signal(unix.SIGKILL))
			if code := next.end(t); code != 0 || next.out.String() != "started\n" {
				t.Errorf("after a crash: exit code %d, %q: %s", code, &next.out, &next.err)
			}
		})
	}
}

// TestWorkFolderIsTheRoot: a Worker whose work folder is the runner's root is alone as in any other, and isolated beside
// another.
func TestWorkFolderIsTheRoot(t *testing.T) {
	s := ordinary(t, capable(t))
	s.temp = filepath.Join(s.root, "_temp")
	do(t, os.WriteFile(filepath.Join(s.root, ".runner"), []byte(`{"workFolder": "."}`), 0o644), os.Mkdir(s.temp, 0o755), os.Chown(s.temp, user, user))
	for _, want := range []string{"plain", "isolated"} {
		c := command([]string{"ISOLATE=alone"}, s.worker, "-c", s.script())
		code := c.end(t)
		if got := s.started(c); code != 0 || got != want {
			t.Errorf("it is %q, want %q: exit code %d: %s", got, want, code, &c.err)
		}
		if want == "plain" {
			launch(t, command([]string{"ISOLATE=alone"}, s.worker), s.worker, "-c", "echo up; read end")
		}
	}
}

// leaveUnknown leaves the empty folder of an owner in another PID namespace, if it can.
func (s scratch) leaveUnknown(t *testing.T) {
	t.Helper()
	o, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	o.PIDNS++
	o.Boot = "0123456789ab"
	if os.Mkdir(s.store, 0o711) == nil {
		do(t, os.Chown(s.store, user, user))
	}
	if path := filepath.Join(s.store, o.String()); os.Mkdir(path, 0o755) == nil {
		do(t, os.Chown(path, user, user))
	}
}
