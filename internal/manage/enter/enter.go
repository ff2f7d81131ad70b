// Package enter starts a command as a living Worker's job would: in its mount namespace, with its user, groups,
// environment and workspace.
package enter

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// Job is what the process is to have of a job that the Worker does not have itself.
type Job struct {
	Workspace string // the folder to start in; "" for the Worker's own
	Temp      string // "" if there is no runner
}

// env adds what the runner adds for each step, and the terminal's kind.
func (j Job) env(env []string) []string {
	add := func(name, value string) {
		if value != "" {
			env = append(slices.DeleteFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") }), name+"="+value)
		}
	}
	add("RUNNER_TEMP", j.Temp)
	add("GITHUB_WORKSPACE", j.Workspace)
	if environ.Get(env, "TERM") == "" {
		add("TERM", os.Getenv("TERM"))
	}
	return env
}

// Become replaces this process by argv in the view of process pid, as one of its job. An empty argv means a shell. It must
// be called on the main goroutine and returns only an error.
//
// It needs root: joining a mount namespace takes CAP_SYS_ADMIN and CAP_SYS_CHROOT (setns(2)).
func Become(pid int, job Job, argv []string) error {
	t, err := look(pid)
	if err != nil {
		return err
	}
	defer t.close()
	if t.userns {
		return fmt.Errorf("process %d is in a user namespace of its own, which a running Go program cannot join; "+
			"util-linux can: nsenter --target %d --user --mount --preserve-credentials --wd -- sh", pid, pid)
	}
	t.env = job.env(t.env)
	if len(argv) == 0 {
		argv = []string{"sh"}
		if shell := environ.Get(t.env, "SHELL"); shell != "" {
			argv[0] = shell
		}
	}
	if err := nsenter.JoinMounts(t.mounts); err != nil {
		return err
	}
	if err := nsenter.JoinRoot(t.root); err != nil {
		return err
	}
	// From here on every path means what it means to the Worker.
	if err := unix.Fchdir(int(t.cwd.Fd())); err != nil {
		return fmt.Errorf("cannot enter the Worker's working directory: %w", err)
	}
	if err := t.drop(); err != nil {
		return err
	}
	if job.Workspace != "" {
		if err := os.Chdir(job.Workspace); err != nil { // not made yet, or gone
			fmt.Fprintf(os.Stderr, "worker-wrap: in the Worker's own folder: %v\n", err)
		}
	}
	path, err := find(argv[0], t.env)
	if err != nil {
		return err
	}
	return fmt.Errorf("cannot run %s: %w", path, origin.Exec(path, argv, append(t.env, left.EnteredVar+"=1")))
}

// target is the process to be like.
type target struct {
	mounts *os.File
	root   *os.File
	cwd    *os.File
	env    []string
	uid    int
	gid    int
	groups []int
	umask  int
	userns bool // its user namespace is not ours
}

func look(pid int) (*target, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	t := &target{}
	err := t.fill(dir)
	if err != nil {
		t.close()
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			return nil, fmt.Errorf("process %d has ended", pid)
		}
		return nil, procfs.Advised(err)
	}
	return t, nil
}

func (t *target) fill(dir string) error {
	var err error
	if t.mounts, err = os.Open(dir + "/ns/mnt"); err != nil {
		return err
	}
	// The process's own folders, whatever the paths to them lead to here.
	if t.root, err = os.OpenFile(dir+"/root", unix.O_PATH|unix.O_DIRECTORY, 0); err != nil {
		return err
	}
	if t.cwd, err = os.OpenFile(dir+"/cwd", unix.O_PATH|unix.O_DIRECTORY, 0); err != nil {
		return err
	}
	env, err := os.ReadFile(dir + "/environ")
	if err != nil {
		return err
	}
	t.env = environ.Parse(env)
	status, err := procfs.Read(dir)
	if err != nil {
		return err
	}
	if err := t.credentials(status); err != nil {
		return fmt.Errorf("%s/status: %w", dir, err)
	}
	theirs, err := nsenter.Inode(dir + "/ns/user")
	if err != nil {
		return err
	}
	ours, err := nsenter.Inode("/proc/self/ns/user")
	t.userns = theirs != ours
	return err
}

// credentials reads the file system ids, groups and umask from /proc/PID/status (proc_pid_status(5)).
func (t *target) credentials(status procfs.Status) error {
	const fsID = 3 // real, effective, saved set, file system
	uids, err := ids(status, "Uid")
	gids, gerr := ids(status, "Gid")
	groups, serr := ids(status, "Groups")
	if err := errors.Join(err, gerr, serr); err != nil {
		return err
	}
	if len(uids) <= fsID || len(gids) <= fsID {
		return errors.New("has no Uid and Gid lines")
	}
	t.uid, t.gid, t.groups = uids[fsID], gids[fsID], groups
	t.umask = 0o022
	if n, err := strconv.ParseUint(status.Word("Umask"), 8, 9); err == nil {
		t.umask = int(n)
	}
	return nil
}

// ids returns those of a field. On 32 bits an int has the upper half of them as negative numbers, which setuid(2) takes
// for what they were.
func ids(status procfs.Status, field string) ([]int, error) {
	var out []int
	for _, word := range status.Words(field) {
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		out = append(out, int(n))
	}
	return out, nil
}

// drop takes on the target's user. Go applies each call to all threads of the process.
func (t *target) drop() error {
	unix.Umask(t.umask)
	if err := syscall.Setgroups(t.groups); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	if err := syscall.Setresgid(t.gid, t.gid, t.gid); err != nil {
		return os.NewSyscallError("setresgid", err)
	}
	return os.NewSyscallError("setresuid", syscall.Setresuid(t.uid, t.uid, t.uid))
}

func (t *target) close() {
	for _, f := range []*os.File{t.mounts, t.root, t.cwd} {
		if f != nil {
			f.Close()
		}
	}
}

// find looks a command up with the Worker's PATH.
func find(name string, env []string) (string, error) {
	if err := os.Setenv("PATH", environ.Get(env, "PATH")); err != nil {
		return "", err
	}
	found, err := exec.LookPath(name)
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return "", fmt.Errorf("in the Worker's view: %w", err)
	}
	return found, nil
}
