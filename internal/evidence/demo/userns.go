package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter"
)

// CanMount tells whether this process may make mount namespaces; the error says why not. It tries.
func CanMount() error {
	tried := make(chan error)
	go func() { tried <- nsenter.UnshareMounts() }() // its thread ends with it
	return <-tried
}

// InUserNamespace runs program with args, and this process's files, in a user namespace and a mount namespace of its
// own. In it the user has the same IDs as outside, and CAP_SYS_ADMIN to pass on to programs. When ctx ends the program
// gets SIGTERM. The error is an [*exec.ExitError] if the program ran and failed.
//
// Requires Linux 4.3 (ambient capabilities, capabilities(7)).
func InUserNamespace(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	uid, gid := os.Getuid(), os.Getgid()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: gid, HostID: gid, Size: 1}},
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
	}
	if err := cmd.Start(); err != nil {
		return Forbidden(fmt.Errorf("a user namespace is refused (%w)", cause(err)))
	}
	return cmd.Wait()
}

// cause is an error without the path of the program that was not even tried.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// Forbidden adds to a refusal of namespaces what to do about it.
func Forbidden(err error) error {
	for _, s := range []struct{ name, bad, cure string }{
		{"kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=1000"},
		{"user/max_mnt_namespaces", "0", "sysctl user.max_mnt_namespaces=1000"},
	} {
		value, rerr := os.ReadFile("/proc/sys/" + s.name)
		if rerr == nil && strings.TrimSpace(string(value)) == s.bad {
			return fmt.Errorf("the demo must mount, and %w: run it as root, or allow ordinary users namespaces: sudo %s", err, s.cure)
		}
	}
	return fmt.Errorf("the demo must mount, and %w: run it as root; in a container, give it --cap-add SYS_ADMIN and, if AppArmor is on, --security-opt apparmor=unconfined", err)
}
