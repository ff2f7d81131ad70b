package trial

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// patience is how long one trial may take.
const patience = 20 * time.Second

// Possible reports whether this process can start one as the user with that uid.
func Possible(uid int) bool {
	return uid >= 0 && (os.Geteuid() == 0 || os.Getuid() == uid)
}

// inherited are the variables that a trial takes from a runner's .env, by their names' beginnings, and so are
// [dockersocket.Variables]: those that a start looks at. The others would reach the program that is started, and .env
// need not be the user's whose process it is. Those left out let a start do without isolation, wait for other Workers,
// or say more than why it is refused.
var (
	inherited = [...]string{"WORKER_WRAP_", "RUNNER_TOOL_CACHE=", "AGENT_TOOLSDIRECTORY="}
	left      = [...]string{"WORKER_WRAP_FALLBACK=", "WORKER_WRAP_ISOLATE=", "WORKER_WRAP_WAIT=", "WORKER_WRAP_LOG="}
)

// environment is what a trial is given: some of a runner's .env, and the home that its places of WORKER_WRAP_PRIVATE are in.
func (p Places) environment() []string {
	home, _ := users.Home(p.UID)
	out := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + cmp.Or(environ.Get(p.Env, "HOME"), home, "/"),
		"WORKER_WRAP_FALLBACK=none", "WORKER_WRAP_ISOLATE=always",
		"XDG_STATE_HOME=/dev/null", // where a start by hand notes itself (package byhand)
	}
	for _, e := range p.Env {
		begins := func(prefix string) bool { return strings.HasPrefix(e, prefix) }
		name, _, _ := strings.Cut(e, "=")
		if (slices.Contains(dockersocket.Variables[:], name) || slices.ContainsFunc(inherited[:], begins)) && !slices.ContainsFunc(left[:], begins) {
			out = append(out, e)
		}
	}
	return out
}

// probe is the program that a trial becomes. It leaves a file in what it sees as _temp, and says its PID, its parent's
// and where the host sees that _temp. It stays until its standard input ends. Then it ends like a cancelled job. The
// file is removed by who looks at it, if that can: one process less.
const probe = `printf inside >"$1/$2" || {
	at=${WORKER_WRAP_HOST_TEMP%/*}
	echo "a start can write no file in $at: no space is left there, or a quota is used up: df -h ${at%/*}; df -i ${at%/*}" >&2
	exit 1
}
printf '%s %s %s\0' "$$" "$PPID" "$WORKER_WRAP_HOST_TEMP"
read -r _
[ ! -e "$1/$2" ] || rm -f "$1/$2"
exit 103`

// start has the binary start the probe with a folder of its own over temp, as the runner's user, and looks at it from
// outside. It has the same process try the others before, see shim.Also.
func (p Places) start(temp string, chosen policy.Settings, others ...string) (t Tried) {
	t.Said, t.Refused = p.run(temp, chosen, others, &t.pids)
	return t
}

func (p Places) run(temp string, chosen policy.Settings, others []string, pids *[]int) (said string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	mark := "worker-wrap-trial-" + strconv.Itoa(os.Getpid())
	cmd := exec.CommandContext(ctx, p.Binary)
	cmd.Args = append([]string{"worker-wrap"}, p.over(temp)...)
	for _, other := range others {
		cmd.Args = append(cmd.Args, "--also", other)
	}
	cmd.Args = append(cmd.Args, "--mark", mark, "--temp", temp, "--", "/bin/sh", "-c", probe, "sh", temp, mark)
	cmd.Dir, cmd.Env = "/", p.environment()
	if os.Geteuid() == 0 {
		held, err := hold(p.Binary)
		if err != nil {
			return "", err
		}
		defer held.Close()
		cmd.Path = untrusted.Through(held)
	}
	if os.Getuid() != p.UID {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(p.UID)}
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	stdin, ierr := cmd.StdinPipe()
	stdout, oerr := cmd.StdoutPipe()
	if err := errors.Join(ierr, oerr); err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", notStarted(p.Binary, p.UID, err)
	}
	*pids = append(*pids, cmd.Process.Pid)
	words := bufio.NewReader(stdout)
	said, seen := "", error(nil)
	silent := marks(words, stdin, others, func(other, host string) { seen = errors.Join(seen, apart(host, other, mark, chosen)) })
	if silent == nil {
		said, silent = word(words)
	}
	if silent == nil {
		*pids = append(*pids, inner(said))
		seen = errors.Join(seen, p.look(cmd.Process.Pid, said, temp, mark, chosen))
	}
	stdin.Close()
	werr := cmd.Wait()
	switch why := reason(stderr.String()); {
	case ctx.Err() != nil:
		return "", fmt.Errorf("a start did not end within %v", patience)
	case silent != nil && why != "":
		return "", errors.New(why)
	case silent != nil:
		return "", fmt.Errorf("a start ended without a word (%w)", werr)
	case seen != nil:
		return "", seen
	case cmd.ProcessState.ExitCode() != 103:
		return "", fmt.Errorf("the program's exit code 103 became %v", cmd.ProcessState)
	}
	return strings.TrimSpace(strings.ReplaceAll(stderr.String(), "worker-wrap: ", "")), nil
}

// reason is why a start was refused, as the last line that it said has it.
func reason(said string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	last := strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "worker-wrap: ")
	if _, why, ok := strings.Cut(last, "could not be isolated: "); ok {
		return why
	}
	return last
}

// credential is the user as a service manager would start them: with all their groups.
func credential(uid int) *syscall.Credential {
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	for i, gid := range users.Groups(uid) {
		if i == 0 {
			c.Gid = uint32(gid)
		}
		c.Groups = append(c.Groups, uint32(gid))
	}
	return c
}

// notStarted says why the kernel did not start a file as a user.
func notStarted(binary string, uid int, err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	switch {
	case errors.Is(err, unix.EPERM) && !mayHaveSysAdmin():
		return fmt.Errorf("%s cannot be started: %w; CAP_SYS_ADMIN is taken from all processes here: run a container with --cap-add SYS_ADMIN (and, if AppArmor is on, --security-opt apparmor=unconfined), or allow it in CapabilityBoundingSet= of the unit", binary, err)
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

// over are the options for a start over a folder that it makes, as a Worker's start does, if it is missing. What is laid
// over the runner's own _temp lies where a Worker's would. It refuses what a Worker's start would refuse.
func (p Places) over(temp string) (out []string) {
	if _, err := os.Lstat(temp); errors.Is(err, fs.ErrNotExist) {
		out = append(out, "--parents")
	}
	if p.Layout.Root != "" {
		out = append(out, "--trial-of", p.Layout.Root)
	}
	if temp == p.Layout.Temp {
		out = append(out, "--store-of", p.Layout.Root)
	}
	return out
}
