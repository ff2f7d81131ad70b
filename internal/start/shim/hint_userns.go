package shim

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// explainUserns adds to a refused user namespace what forbids it and who can change that.
func explainUserns(err error) error {
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
	if p := currentPrivilege(); p.container || p.seccomp {
		return fmt.Errorf("%w: a seccomp filter, that of this container perhaps, forbids it: run the container with --security-opt seccomp=… that allows them, or with --cap-add SYS_ADMIN and without WORKER_WRAP_USERNS", err)
	}
	return fmt.Errorf("%w: a security module, or a chroot, forbids it", err)
}
