package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// Limits of src/Runner.Sdk/ProcessInvoker.cs.
const (
	interruptLimit = 7500 * time.Millisecond // from SIGINT to SIGTERM
	terminateLimit = 2500 * time.Millisecond // from SIGTERM to SIGKILL
	streamLimit    = 5 * time.Second         // for the output to end once the process has
	oomScore       = 500                     // makes job processes die before the runner does
)

type outcome struct {
	code int
	text string // stdout and stderr
}

// invoke runs a program of a step, and ends it when ctx is done: SIGINT, then SIGTERM, then SIGKILL for
// it and all its descendants.
func (w *worker) invoke(ctx context.Context, program string, args, env []string, dir string) (outcome, error) {
	const source = "ProcessInvokerWrapper"
	quoted := make([]string, len(args))
	for i, arg := range args {
		quoted[i] = arg
		if strings.HasPrefix(arg, "/") {
			quoted[i] = `"` + arg + `"`
		}
	}
	w.info(source, "Starting process:")
	w.info(source, "  File name: '%s'", program)
	w.info(source, "  Arguments: '%s'", strings.Join(quoted, " "))
	w.info(source, "  Working directory: '%s'", dir)
	var output bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, dir, &output, &output
	cmd.WaitDelay = w.scaled(streamLimit)
	began := time.Now()
	w.invoked.Store(true)
	if err := cmd.Start(); err != nil {
		return outcome{}, err
	}
	pid := cmd.Process.Pid
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte(strconv.Itoa(oomScore)), 0); err == nil {
		w.info(source, "Updated oom_score_adj to %d for PID: %d.", oomScore, pid)
	}
	w.info(source, "Process started with process id %d, waiting for process exit.", pid)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = w.stop(cmd.Process, ended)
		w.info(source, "Process Cancellation finished.")
	}
	if err != nil && cmd.ProcessState == nil {
		return outcome{}, err
	}
	code := cmd.ProcessState.ExitCode()
	if status, ok := cmd.ProcessState.Sys().(interface{ Signal() unix.Signal }); ok && code < 0 {
		code = 128 + int(status.Signal())
	}
	w.info(source, "Finished process %d with exit code %d, and elapsed time %s.", pid, code, common.Elapsed(time.Since(began)))
	return outcome{code, output.String()}, nil
}

// stop ends a process, asking twice before it kills.
func (w *worker) stop(p *os.Process, ended <-chan error) error {
	const source = "ProcessInvokerWrapper"
	for _, try := range []struct {
		name   string
		signal unix.Signal
		limit  time.Duration
	}{{"SIGINT", unix.SIGINT, interruptLimit}, {"SIGTERM", unix.SIGTERM, terminateLimit}} {
		w.info(source, "Sending %s to process %d.", try.name, p.Pid)
		if err := p.Signal(try.signal); err != nil && errors.Is(err, os.ErrProcessDone) {
			return <-ended
		}
		w.info(source, "Waiting for process exit or %s seconds after %s signal fired.", strconv.FormatFloat(try.limit.Seconds(), 'f', -1, 64), try.name)
		select {
		case err := <-ended:
			w.info(source, "Process exit successfully.")
			return err
		case <-time.After(w.scaled(try.limit)):
		}
		w.info(source, "Process did not honor %s signal within %s seconds.", try.name, strconv.FormatFloat(try.limit.Seconds(), 'f', -1, 64))
	}
	w.info(source, "Kill entire process tree since both cancel and terminate signal has been ignored by the target process.")
	common.KillTree(p.Pid)
	return <-ended
}
