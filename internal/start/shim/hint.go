package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// failure makes what went wrong before the program was reached the Failure it is.
func failure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return fail(ExitFailed, "this job was not started, because its _temp could not be isolated: %w", squashed(err))
}

// privilege is what decides whether a process may mount.
type privilege struct {
	uid         int
	sysAdmin    bool   // CAP_SYS_ADMIN is in the effective set
	bounded     bool   // CAP_SYS_ADMIN is not in the bounding set
	noNewPrivs  bool   // prctl(PR_SET_NO_NEW_PRIVS)
	seccomp     bool   // a filter is in force
	apparmor    string // the profile's name, or "" where there is none or it is unconfined
	container   bool
	nosuid      bool // worker-wrap's own file lies on a nosuid mount
	hasFileCaps bool // worker-wrap's own file has capabilities
}

// explain adds to a refusal what is missing and how to get it. Other errors pass as they are, but for
// those whose message misleads. limit is the sysctl that ENOSPC is about.
func explain(err error, limit string) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w; %s", err, currentPrivilege().hint())
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w: a limit of the kernel is reached, not a disk: raise it (sysctl %s)", err, limit)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: the kernel is older than Linux 5.10, or a seccomp filter hides the call", err)
	}
	return err
}

// squashed adds to a refusal of what root may do with files everywhere else why that can be.
func squashed(err error) error {
	var file *fs.PathError
	if os.Geteuid() != 0 || !errors.As(err, &file) || file.Err != unix.EACCES {
		return err
	}
	return fmt.Errorf("%w, even to root: on a network file system with root_squash root is nobody; run it as the runner's user", err)
}

// deadly says that a filter ends whoever makes a system call, and how to allow that.
func deadly(call string) error {
	allow := "@mount"
	if call == "unshare" || call == "capset" { // which are not in that group (systemd-analyze syscall-filter)
		allow += " " + call
	}
	if p := currentPrivilege(); p.noNewPrivs && !p.sysAdmin { // before systemd 255 the filter sets it too
		return fmt.Errorf("cannot make a mount namespace: a seccomp filter ends each process that calls %s(2), and no_new_privs is set, so the "+
			"file capability of worker-wrap counts for nothing: take SystemCallFilter= out of the service's unit", call)
	}
	return fmt.Errorf("cannot make a mount namespace: a seccomp filter ends each process that calls %s(2): in the service's unit "+
		"add SystemCallFilter=%s to the filter that it has; in a container choose a --security-opt seccomp=… profile that allows it", call, allow)
}

// hint says in one clause why mounting was refused and what to do.
func (p privilege) hint() string {
	switch {
	case p.sysAdmin && p.apparmor != "":
		return fmt.Sprintf("the AppArmor profile %s forbids it: allow mount in the profile, or run the container with --security-opt apparmor=unconfined", p.apparmor)
	case p.sysAdmin && p.seccomp:
		return "a seccomp filter forbids it: in a container, add --cap-add SYS_ADMIN, or a --security-opt seccomp=… profile that allows unshare and mount"
	case p.sysAdmin:
		return "a security module forbids it, though CAP_SYS_ADMIN is there: see the kernel's log (dmesg, ausearch -m avc)"
	case p.bounded && p.container:
		return "this container may not have CAP_SYS_ADMIN: run it with --cap-add SYS_ADMIN (and, where AppArmor is on, --security-opt apparmor=unconfined)"
	case p.bounded:
		return "CAP_SYS_ADMIN is taken from this service: remove it from CapabilityBoundingSet= exclusions in the unit"
	case p.uid == 0:
		return "root has no CAP_SYS_ADMIN here: run it in the machine's first user namespace, or with the capability"
	case p.hasFileCaps && p.noNewPrivs:
		return "no_new_privs is set, so the file capability of worker-wrap counts for nothing: set NoNewPrivileges=no in the service's unit"
	case p.hasFileCaps && p.nosuid:
		return "worker-wrap lies on a file system mounted nosuid, so its file capability counts for nothing: install it on another"
	case p.hasFileCaps:
		return "the file capability of worker-wrap was not granted: in a user namespace, or under a security module, it may not be"
	case p.noNewPrivs:
		return "it needs root or a file capability, and no_new_privs is set, which would take that away: set NoNewPrivileges=no in the service's unit, then: " + setcapCommand()
	}
	return "it needs root, or a file capability: " + setcapCommand()
}

// setcapCommand is what a person types to give worker-wrap its file capability.
func setcapCommand() string { return "sudo setcap cap_sys_admin+ep " + executable() }

// executable returns the path of worker-wrap's own file.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "worker-wrap"
	}
	return path
}

// currentPrivilege gathers the facts of this process. What cannot be read counts as absent: this only
// helps to explain an error.
func currentPrivilege() privilege {
	p := privilege{uid: os.Getuid()}
	status, _ := os.ReadFile("/proc/thread-self/status")
	field := func(name string) uint64 {
		_, rest, _ := strings.Cut(string(status), "\n"+name+":")
		line, _, _ := strings.Cut(rest, "\n")
		base := 10
		if strings.HasPrefix(name, "Cap") {
			base = 16
		}
		n, _ := strconv.ParseUint(strings.TrimSpace(line), base, 64)
		return n
	}
	const sysAdmin = 1 << unix.CAP_SYS_ADMIN
	p.sysAdmin = field("CapEff")&sysAdmin != 0
	p.bounded = len(status) > 0 && field("CapBnd")&sysAdmin == 0
	p.noNewPrivs = field("NoNewPrivs") != 0
	p.seccomp = field("Seccomp") == 2
	if profile, err := os.ReadFile("/proc/thread-self/attr/current"); err == nil {
		name := strings.TrimRight(strings.TrimSpace(string(profile)), "\x00")
		if name != "unconfined" && strings.Contains(name, "(") { // SELinux labels have no mode in parentheses
			p.apparmor = name
		}
	}
	for _, mark := range []string{"/.dockerenv", "/run/.containerenv", "/run/systemd/container"} {
		if _, err := os.Stat(mark); err == nil {
			p.container = true
		}
	}
	exe := executable()
	var st unix.Statfs_t
	p.nosuid = unix.Statfs(filepath.Dir(exe), &st) == nil && st.Flags&unix.ST_NOSUID != 0
	n, err := unix.Getxattr(exe, "security.capability", make([]byte, 64))
	p.hasFileCaps = err == nil && n > 0
	return p
}
