package shim

import (
	"os"
	"runtime/debug"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/start/message"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// StartWorker is the start of a runner's Worker, under the terms of [Run]. It is the one way by which a start ends that
// did not become its Worker: whatever went wrong, the job's message has been taken when StartWorker returns, so the
// caller says why at once and ends.
func StartWorker(argv, env []string) *Failure {
	return taking(argv, env, func() *Failure {
		plan, err := PlanWorker(argv, env)
		if err != nil {
			return &Failure{Code: ExitFailed, Err: err}
		}
		return Run(plan)
	})
}

// taking takes the job's message once start has returned, or panicked, unless a child was the Worker.
func taking(argv, env []string, start func() *Failure) *Failure {
	f := attempt(start)
	if !f.Ran {
		message.Take(argv, policy.ChannelTimeout(lookupEnv(env, policy.ChannelTimeoutVar)))
	}
	return f
}

// attempt makes a panic of start's, a mistake in this program, a failure. With WORKER_WRAP_LOG=debug the stack is said too.
func attempt(start func() *Failure) (f *Failure) {
	defer func() {
		if v := recover(); v != nil {
			if origin.Traced() {
				origin.Quiet()
				_, _ = os.Stderr.Write(debug.Stack())
			}
			f = fail(ExitFailed, "panic: %v%s", v, origin.Mistake)
		}
	}()
	return start()
}

// lookupEnv is getenv(3) for an environment.
func lookupEnv(env []string, name string) string {
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}
