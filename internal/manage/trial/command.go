package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// patience is how long one trial may take.
const patience = 20 * time.Second

// Possible reports whether this process can start one as the user with that uid.
func Possible(uid int) bool {
	return uid >= 0 && (os.Geteuid() == 0 || os.Getuid() == uid)
}

// inherited are the variables that a trial takes from a runner's .env: those that a start looks at, by their name or
// its beginning. The others would reach the program that is started, and .env need not be the user's whose process it
// is. Those left out let a start do without isolation, wait for other Workers, or say more than why it is refused.
var (
	inherited = [...]string{"WORKER_WRAP_", "DOCKER_HOST=", "XDG_RUNTIME_DIR="}
	left      = [...]string{"WORKER_WRAP_FALLBACK=", "WORKER_WRAP_ISOLATE=", "WORKER_WRAP_WAIT=", "WORKER_WRAP_LOG="}
)

// environment is what a trial is given of a runner's .env.
func environment(env []string) []string {
	out := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/",
		"WORKER_WRAP_FALLBACK=none", "WORKER_WRAP_ISOLATE=always",
	}
	for _, e := range env {
		begins := func(prefix string) bool { return strings.HasPrefix(e, prefix) }
		if slices.ContainsFunc(inherited[:], begins) && !slices.ContainsFunc(left[:], begins) {
			out = append(out, e)
		}
	}
	return out
}

// isolate has the binary start itself, to print its version, with a folder of its own over temp, as a user.
// The program that it becomes is named by /proc/self/exe: nobody can put another in its place.
func isolate(binary string, uid int, temp string, env []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary)
	cmd.Args = []string{"worker-wrap", "--temp", temp, "--", "/proc/self/exe", "--version"}
	cmd.Dir, cmd.Env = "/", environment(env)
	if os.Geteuid() == 0 {
		held, err := hold(binary)
		if err != nil {
			return err
		}
		defer held.Close()
		cmd.Path = untrusted.Through(held)
	}
	if os.Getuid() != uid {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(uid)}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	said := lastLine(stderr.String())
	if _, why, ok := strings.Cut(said, "could not be isolated: "); ok {
		said = why
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("a start did not end within %v", patience)
	case errors.As(err, new(*exec.ExitError)) && said != "":
		return errors.New(said)
	case errors.As(err, new(*exec.ExitError)):
		return fmt.Errorf("a start ended without a word (%w)", err)
	}
	return notStarted(binary, uid, err)
}

// notStarted says why the kernel did not start a file as a user.
func notStarted(binary string, uid int, err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, unix.EPERM) && !mayHaveSysAdmin():
		return fmt.Errorf("%s cannot be started: %w; CAP_SYS_ADMIN is taken from all processes here: run a container with --cap-add SYS_ADMIN (and, where AppArmor is on, --security-opt apparmor=unconfined), or allow it in CapabilityBoundingSet= of the unit", binary, err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("%s cannot be started: %w; let the runner's user go to it and run it: a folder on the way, or a security module, forbids that", binary, err)
	case uid != os.Getuid() && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EPERM)):
		return fmt.Errorf("nothing can be started as uid %d: %w; this user namespace has no such user, or CAP_SETUID and CAP_SETGID are missing", uid, err)
	}
	return fmt.Errorf("%s cannot be started: %w", binary, err)
}

// mayHaveSysAdmin reports whether CAP_SYS_ADMIN is in the bounding set.
func mayHaveSysAdmin() bool {
	has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, unix.CAP_SYS_ADMIN, 0, 0, 0)
	return err != nil || has == 1
}

// hold opens a program that root is to start, and refuses one that others can change. What is held is started, whatever
// is put in its place meanwhile.
func hold(binary string) (*os.File, error) {
	f, err := untrusted.Open(binary)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil {
		if sys, ok := st.Sys().(*syscall.Stat_t); !ok || sys.Uid != 0 || st.Mode().Perm()&0o022 != 0 {
			err = fmt.Errorf("%s can be changed by others than root, so root does not start it: give it to root, mode 755", binary)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
