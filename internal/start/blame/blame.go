// Package blame says what forbids a start its isolation, and how to mend it.
package blame

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
)

// privilege is what decides whether a process may mount.
type privilege struct {
	uid         int
	sysAdmin    bool   // CAP_SYS_ADMIN is in the permitted set, from which it is raised
	bounded     bool   // CAP_SYS_ADMIN is not in the bounding set
	noNewPrivs  bool   // prctl(PR_SET_NO_NEW_PRIVS)
	seccomp     bool   // a filter is in force
	apparmor    string // the profile's name, or "" if there is none or it reads unconfined
	hasAppArmor bool   // the kernel has it on
	hasSELinux  bool
	manager     manager // of this container
	unit        string  // of systemd, e.g. "actions.runner.me.service"
	nosuid      bool    // worker-wrap's own file lies on a nosuid mount
	hasFileCaps bool    // worker-wrap's own file has capabilities
	keepsNoCaps bool    // its file system can keep none
}

// Mounts adds to a refused mount or mount namespace the missing right and how to get it. Other errors pass as they are,
// but for those whose message misleads. call was refused; limit is the sysctl that ENOSPC is about.
func Mounts(err error, call, limit string) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w; %s", err, refused(err, currentPrivilege(), call).hint())
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("%w: a limit of the kernel is reached, not a disk: raise it (sysctl %s)", err, limit)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: the kernel is older than Linux 5.10, or a seccomp filter hides the call", err)
	}
	return err
}

// Squashed adds to a refusal of what root may do with files everywhere else why that can be.
func Squashed(err error) error {
	var file *fs.PathError
	if os.Geteuid() != 0 || !errors.As(err, &file) || file.Err != unix.EACCES {
		return err
	}
	return fmt.Errorf("%w, even to root: on a network file system with root_squash root is nobody; run it as the runner's user", err)
}

// Deadly says that a filter ends whoever makes a system call, and how to allow that.
func Deadly(call string) error {
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

// SetcapCommand is what a person types to give worker-wrap its file capability.
func SetcapCommand() string { return "sudo setcap cap_sys_admin=p " + executable() }

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
	status, _ := procfs.Read("/proc/thread-self")
	const sysAdmin = 1 << unix.CAP_SYS_ADMIN
	p.sysAdmin = status.Number("CapPrm", 16)&sysAdmin != 0
	p.bounded = status != "" && status.Number("CapBnd", 16)&sysAdmin == 0
	p.noNewPrivs = status.Number("NoNewPrivs", 10) != 0
	p.seccomp = status.Number("Seccomp", 10) == 2
	if profile, err := os.ReadFile("/proc/thread-self/attr/current"); err == nil {
		name := strings.TrimRight(strings.TrimSpace(string(profile)), "\x00")
		if name != "unconfined" && strings.Contains(name, "(") { // SELinux labels have no mode in parentheses
			p.apparmor = name
		}
	}
	enabled, _ := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	p.hasAppArmor = strings.HasPrefix(string(enabled), "Y")
	_, err := os.Stat("/sys/fs/selinux/enforce")
	p.hasSELinux = err == nil
	groups, _ := os.ReadFile("/proc/self/cgroup")
	p.unit = unitOf(string(groups))
	var st unix.Statfs_t
	_, pod := os.LookupEnv(environ.PodVar)
	overlay := unix.Statfs("/", &st) == nil && st.Type == unix.OVERLAYFS_SUPER_MAGIC
	p.manager = managerOf(os.DirFS("/"), pod && p.unit == "", overlay && p.unit == "")
	exe := executable()
	p.nosuid = unix.Statfs(filepath.Dir(exe), &st) == nil && st.Flags&unix.ST_NOSUID != 0
	n, err := unix.Getxattr(exe, "security.capability", make([]byte, 64))
	p.hasFileCaps = err == nil && n > 0
	p.keepsNoCaps = err == unix.EOPNOTSUPP
	return p
}

// managerOf says what has made the container that has this root folder. What is nested in another says so first. The two
// facts are of a process in no unit: it has a pod's variable; its root is on overlayfs, as in nearly each container.
func managerOf(root fs.FS, pod, overlay bool) manager {
	if pod { // CRI-O and Docker leave a mark of theirs in it, and containerd none
		return kubernetes
	}
	for _, mark := range []struct {
		path string
		manager
	}{
		{"run/secrets/kubernetes.io", kubernetes},
		{"var/run/secrets/kubernetes.io", kubernetes},
		{".dockerenv", docker},
		{"run/.containerenv", podman},
		{"dev/incus", incus},
		{"dev/.incus-mounts", incus},
		{"dev/lxd", lxd},
		{"dev/.lxd-mounts", lxd},
		{"dev/.lxc", lxc},
		{"dev/.lxc-boot-id", lxc},
		{"dev/lxc", lxc},
	} {
		if _, err := fs.Stat(root, mark.path); err == nil {
			return mark.manager
		}
	}
	// systemd writes there what its environment says (https://systemd.io/CONTAINER_INTERFACE), and only root may read
	// that environment.
	name, err := fs.ReadFile(root, "run/systemd/container")
	if environment, _ := fs.ReadFile(root, "proc/1/environ"); err != nil {
		for variable := range strings.SplitSeq(string(environment), "\x00") {
			if value, is := strings.CutPrefix(variable, "container="); is {
				name, err = []byte(value), nil
			}
		}
	}
	known := map[string]manager{"docker": docker, "podman": podman, "lxc": lxc, "lxc-libvirt": container}
	switch m, is := known[strings.TrimSpace(string(name))]; {
	case is:
		return m
	case err == nil:
		return container
	}
	if first, err := fs.ReadFile(root, "proc/1/comm"); overlay && err == nil && string(first) != "systemd\n" {
		return container
	}
	return ""
}

// unitOf returns the unit that /proc/PID/cgroup names, "" if it is no service's.
func unitOf(groups string) (unit string) {
	for line := range strings.Lines(groups) {
		for part := range strings.SplitSeq(strings.TrimSpace(line), "/") {
			if strings.HasSuffix(part, ".service") {
				unit = part
			}
		}
	}
	return unit
}
