package blame

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Userns adds to a refused user namespace what forbids it and who can change that.
func Userns(err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS):
		return fmt.Errorf("%w: a limit of the kernel is reached, not a disk: raise /proc/sys/user/max_user_namespaces", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: this kernel has no user namespaces (CONFIG_USER_NS)", err)
	case !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES):
		return err
	}
	for _, s := range []struct{ path, bad, mend string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile that allows userns"},
	} {
		if value, rerr := os.ReadFile(s.path); rerr == nil && strings.TrimSpace(string(value)) == s.bad {
			return fmt.Errorf("%w: this machine forbids them to ordinary users; %s", err, s.mend)
		}
	}
	if data, rerr := os.ReadFile("/proc/self/mountinfo"); rerr == nil && chrooted(string(data)) && errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: the kernel makes none in a chroot, as this is (unshare(2)): use pivot_root in its place, or do without WORKER_WRAP_USERNS", err)
	}
	return fmt.Errorf("%w: %s", err, refused(err, currentPrivilege(), "clone").hintUserns())
}

// chrooted reports whether a process with this /proc/self/mountinfo has a root folder that is no mount. Then it is not
// that of its mount namespace. A chroot into a mount is not told from none.
func chrooted(mountinfo string) bool {
	for line := range strings.Lines(mountinfo) {
		if f := strings.Fields(line); len(f) > 4 && f[4] == "/" {
			return false
		}
	}
	return true
}

// hintUserns says in one clause why a user namespace was refused and what to do.
func (r refusal) hintUserns() string {
	const without = ", or without WORKER_WRAP_USERNS: "
	switch {
	case r.errno == unix.EACCES && r.apparmor != "":
		return fmt.Sprintf("the AppArmor profile %s forbids it%s%s", r.apparmor, without, mendOf(r.manager).profile)
	case r.byModule() && r.hasAppArmor && r.manager != "":
		return fmt.Sprintf("the AppArmor profile of this container forbids it%s%s", without, mendOf(r.manager).profile)
	case r.byModule():
		return "a security module forbids it: see the kernel's log (dmesg, ausearch -m avc)"
	case r.seccomp && r.unit != "" && r.manager.whole():
		return fmt.Sprintf("RestrictNamespaces= of the unit %[1]s forbids it, or a SystemCallFilter= does: let it allow user and mnt (systemctl edit %[1]s), and restart the unit", r.unit)
	case r.seccomp:
		return "a seccomp filter, perhaps the container's, forbids it: run the container with --security-opt seccomp=… that allows them, or with --cap-add SYS_ADMIN and without WORKER_WRAP_USERNS"
	}
	return "a security module, or a chroot, forbids it"
}
