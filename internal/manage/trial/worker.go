package trial

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// Worker is a real start of a Worker in a scratch runner.
type Worker struct {
	Binary string // the worker-wrap that stands in the Worker's place
	UID    int    // whose process it is
	User   string
	Userns bool // the runner isolates in user namespaces (WORKER_WRAP_USERNS)
}

// probe stands in for the runner's own Worker. It leaves a file in what it sees as _temp, tells where
// the shim says that is, and stays until its standard input ends; then it ends like a cancelled job.
const probe = `#!/bin/sh
temp=$1
printf inside >"$temp/proof" || exit 1
echo "$$ $WORKER_WRAP_HOST_TEMP"
read -r _
rm -f "$temp/proof"
exit 103
`

// Try starts a Worker as a Listener does, in a scratch runner that it makes and removes, and looks from
// outside whether the Worker's _temp is its own: a file made in it must be in the per-PID folder and
// not in the host's _temp, and the process must have kept its PID, its privileges and its exit code.
func (t Worker) Try() (err error) {
	scratch, err := newScratch(t)
	if err != nil {
		return err
	}
	defer func() {
		if rerr := os.RemoveAll(scratch.root); rerr != nil && err == nil {
			err = fmt.Errorf("the scratch runner was not removed: %w", rerr)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, scratch.worker, scratch.temp)
	cmd.Dir = filepath.Dir(scratch.worker)
	var settings []string
	if t.Userns {
		settings = append(settings, "WORKER_WRAP_USERNS=1")
	}
	cmd.Env = append(environment(settings), "HOME="+scratch.root)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: scratch.credential}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	line, rerr := bufio.NewReader(io.LimitReader(stdout, 8192)).ReadString('\n')
	var seen error
	if rerr == nil {
		seen = scratch.look(cmd.Process.Pid, strings.TrimSuffix(line, "\n"), t)
	}
	stdin.Close()
	werr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("it did not end within %v", patience)
	case rerr != nil:
		if said := lastLine(stderr.String()); said != "" {
			return errors.New(said)
		}
		return fmt.Errorf("it ended (%v) before it said anything", werr)
	case seen != nil:
		return seen
	case cmd.ProcessState.ExitCode() != 103:
		return fmt.Errorf("the Worker's exit code 103 became %v", cmd.ProcessState)
	}
	return nil
}

// scratch is a runner just good enough to start a Worker in.
type scratch struct {
	root, temp, worker string
	credential         *syscall.Credential // nil to stay who the doctor is
}

func newScratch(t Worker) (*scratch, error) {
	parent, err := scratchParent()
	if err != nil {
		return nil, err
	}
	root, err := os.MkdirTemp(parent, "worker-wrap-doctor-")
	if err != nil {
		return nil, err
	}
	s := &scratch{root: root, temp: filepath.Join(root, "_work", "_temp"), worker: filepath.Join(root, "bin", runner.WorkerName)}
	if err := s.fill(t); err != nil {
		os.RemoveAll(root)
		return nil, err
	}
	return s, nil
}

func (s *scratch) fill(t Worker) error {
	for _, dir := range []string{filepath.Dir(s.worker), s.temp} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(s.root, ".runner"), []byte("\xef\xbb\xbf{\"workFolder\": \"_work\"}\n"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(s.worker), runner.RealWorkerName), []byte(probe), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(t.Binary, s.worker); err != nil {
		return err
	}
	if os.Getuid() == t.UID {
		return nil
	}
	s.credential = credential(t.UID)
	var paths []string
	err := filepath.WalkDir(s.root, func(path string, _ os.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		return err
	}
	// The root last: from then on the user can put a link in the place of anything in it.
	for _, path := range slices.Backward(paths) {
		if err := os.Lchown(path, t.UID, int(s.credential.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// credential is the user as a service manager would start him: with all his groups.
func credential(uid int) *syscall.Credential {
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	for i, gid := range survey.UserGroups(uid) {
		if i == 0 {
			c.Gid = uint32(gid)
		}
		c.Groups = append(c.Groups, uint32(gid))
	}
	return c
}

// scratchParent returns a folder for temporary files from which programs can be run.
func scratchParent() (string, error) {
	for _, dir := range []string{os.TempDir(), "/var/tmp", "/dev/shm"} {
		var st unix.Statfs_t
		if unix.Statfs(dir, &st) == nil && st.Flags&(unix.ST_NOEXEC|unix.ST_RDONLY) == 0 {
			return dir, nil
		}
	}
	return "", errors.New("no folder for temporary files allows running programs (noexec); set TMPDIR to one that does")
}

// look compares what the Worker says it sees with what is there.
func (s *scratch) look(pid int, said string, t Worker) error {
	inner, host, _ := strings.Cut(said, " ")
	if inner != strconv.Itoa(pid) {
		return fmt.Errorf("the Worker has PID %s and not %d, the one that was started", inner, pid)
	}
	if host == "" {
		return errors.New("the Worker does not know its per-PID folder (WORKER_WRAP_HOST_TEMP is not set)")
	}
	if _, err := os.Lstat(filepath.Join(s.temp, "proof")); !errors.Is(err, os.ErrNotExist) {
		return errors.New("the host's _temp shows the Worker's file, so it is not isolated")
	}
	if data, err := untrusted.Head(filepath.Join(host, "proof"), 16); err != nil || string(data) != "inside" {
		return fmt.Errorf("the Worker's file is not in its per-PID folder %s (%v)", host, err)
	}
	p, err := survey.System{}.Process(pid)
	if err != nil {
		return err
	}
	if p.UID != t.UID {
		return fmt.Errorf("the Worker runs as uid %d and not as %d", p.UID, t.UID)
	}
	if t.UID != 0 && p.CapPrm != 0 {
		return fmt.Errorf("the Worker has capabilities (%#x), which it must not", p.CapPrm)
	}
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "worker-wrap: ")
}
