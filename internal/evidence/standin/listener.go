package standin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// Listener starts Workers as src/Runner.Listener/JobDispatcher.cs and src/Runner.Sdk/ProcessInvoker.cs do.
// Its methods may be called from several goroutines. The zero value but for Root is a Listener as issue
// 4357 met it, up to 2.335: it does not wait for a Worker it cancels.
type Listener struct {
	// Root is the runner's root. The Workers' program is bin/Runner.Worker below it, links resolved.
	Root string
	// Env is the environment of Workers, before that of Root/.env; os.Environ() if nil.
	Env []string
	// Handles are the descriptor numbers of a Worker's pipe ends, the one it reads and the one it writes; 160 and 164
	// if zero.
	Handles [2]int
	// Scale is how long a second of the runner lasts here, in seconds; 1 if zero. The limits for what must happen are
	// not scaled: a busy machine is not faster.
	Scale float64
	// Waits makes [Listener.Dispatch] wait for the end of a Worker it cancels, as 2.336.0 does.
	Waits bool
	// Trace, if set, is given every record of the Listener and its Workers, one at a time.
	Trace func(Record)
	// Sys, if set, is how the Worker's process is started, for one by which user.
	Sys *syscall.SysProcAttr
	// Release, if set, holds the message of each job back until it gives a value or is closed. Otherwise the message is
	// written some time after the Worker has been started.
	Release <-chan struct{}
	// Held is how long after a Worker's end its pipes may stay open before [Worker.Wait] gives up and tells which did,
	// in real time; 5 s if zero.
	Held time.Duration

	open     sync.Once
	log      *common.Log
	openErr  error
	tracing  sync.Mutex
	closed   chan struct{}
	closing  sync.Once
	mu       sync.Mutex
	previous *Worker
	warm     bool // a job's message was written before
}

// renewInterval, the only one that is scaled, is how often the Listener renews a job's lock; sendLimit how long it tries to
// send a message (GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT); killAfter what a cancelled Worker is given.
const (
	renewInterval = 60 * time.Second
	sendLimit     = 30 * time.Second
	killAfter     = 60 * time.Second
)

// How long after its start a Worker's message is written: .NET compiles what writes it when that is first used. A
// Worker that was refused after 5 ms was gone by then if the Listener had written no message yet, and not if it had.
const (
	coldDelay = 50 * time.Millisecond
	warmDelay = time.Millisecond
)

// Dispatch is what a Listener does with a job that comes while another may run: it has the other Worker cancelled, and
// only if Waits is set waits for its end before it starts the new one. If Dispatch has waited, it has waited as long as
// the cancelled Worker took.
func (l *Listener) Dispatch(job Job) (*Worker, error) {
	job, err := l.receive(job)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	previous := l.previous
	l.mu.Unlock()
	if previous != nil && !previous.ended() {
		l.record(job.ID, common.Error, "JobDispatcher", "We are not yet checking the state of jobrequest %s status. Cancel running worker right away.", previous.Job.ID)
		_ = previous.Cancel() // a Worker that cannot be told is killed
		if l.Waits {
			<-previous.Done()
		}
	}
	if previous != nil && previous.hung() {
		l.record(job.ID, common.Error, "JobDispatcher", "Worker Dispatch failed with an exception for job request %s.", previous.Job.ID)
	}
	return l.start(job)
}

// Start starts a Worker for a job beside whatever runs: after a restart the Listener does not know of
// the Worker that outlived it.
func (l *Listener) Start(job Job) (*Worker, error) {
	job, err := l.receive(job)
	if err != nil {
		return nil, err
	}
	return l.start(job)
}

// Drop is what a Listener does with a job that the service has assigned to it and does not give when it asks for it: the
// assignment has expired (actions/runner #4728). No Worker is started, and the job never runs.
func (l *Listener) Drop(job Job) error {
	if err := l.opened(); err != nil {
		return err
	}
	l.record(job.ID, common.Info, "BrokerMessageListener", "Acknowledging runner request '%s'.", job.ID)
	l.record(job.ID, common.Error, "Runner", "Best-effort acknowledge failed for request '%s'", job.ID)
	l.record(job.ID, common.Info, "Runner", "Skipping message Job. Job message already acquired '%s'. MissingKey", job.ID)
	return nil
}

// Close ends the Listener: it closes its log, and renews no job any more. Workers are not touched.
func (l *Listener) Close() error {
	if err := l.opened(); err != nil {
		return err
	}
	l.closing.Do(func() { close(l.closed) })
	return l.log.Close()
}

func (l *Listener) receive(job Job) (_ Job, err error) {
	if err := l.opened(); err != nil {
		return job, err
	}
	if job.ID == "" {
		if job.ID, err = common.GUID(); err != nil {
			return job, err
		}
	}
	if job.Name == "" {
		job.Name = "job"
	}
	if job.plan, err = common.GUID(); err != nil {
		return job, err
	}
	l.record(job.ID, common.Info, "BrokerMessageListener", "Acknowledging runner request '%s'.", job.ID)
	l.record(job.ID, common.Info, "JobDispatcher", "Job request 0 for plan %s job %s received.", job.plan, job.ID)
	return job, nil
}

func (l *Listener) opened() error {
	l.open.Do(func() {
		l.closed = make(chan struct{})
		l.log, l.openErr = common.OpenLog(filepath.Join(l.Root, "_diag"), "Runner")
	})
	return l.openErr
}

// environment is what a Worker finds: the Listener's own, the runner's .env, and what the process
// invoker adds.
func (l *Listener) environment() ([]string, error) {
	base := l.Env
	if base == nil {
		base = os.Environ()
	}
	env := append([]string{}, base...)
	data, err := os.ReadFile(filepath.Join(l.Root, ".env"))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimRight(line, "\r\n"); strings.Index(line, "=") > 0 {
			env = set(env, line)
		}
	}
	env = set(env, "GITHUB_ACTIONS=true")
	if !has(env, "CI=") {
		env = append(env, "CI=true")
	}
	if l.Scale > 0 {
		env = set(env, fmt.Sprintf("%s=%g", common.ScaleVar, l.Scale))
	}
	if l.Trace != nil {
		env = set(env, common.EchoVar+"=1")
	}
	return env, nil
}

// set adds a variable, in the place of one of the same name.
func set(env []string, variable string) []string {
	name, _, _ := strings.Cut(variable, "=")
	for i, e := range env {
		if strings.HasPrefix(e, name+"=") {
			env[i] = variable
			return env
		}
	}
	return append(env, variable)
}

func has(env []string, prefix string) bool {
	for _, e := range env {
		if strings.HasPrefix(e, prefix) {
			return true
		}
	}
	return false
}

// record writes to the Listener's log.
func (l *Listener) record(job, level, source, format string, args ...any) {
	now, text := time.Now(), fmt.Sprintf(format, args...)
	l.log.Write(now, level, source, text)
	l.trace(Record{Time: now, Job: job, Level: level, Source: source, Message: text})
}

func (l *Listener) trace(r Record) {
	if l.Trace == nil {
		return
	}
	l.tracing.Lock()
	defer l.tracing.Unlock()
	l.Trace(r)
}

func (l *Listener) scaled(d time.Duration) time.Duration { return common.Scaled(d, l.Scale) }
