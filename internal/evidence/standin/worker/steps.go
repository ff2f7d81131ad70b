package worker

import (
	"context"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// steps runs the steps (src/Runner.Worker/StepsRunner.cs).
func (w *worker) steps(ctx context.Context) standin.TaskResult {
	result, background := standin.Succeeded, coordinator{worker: w, slots: make(chan struct{}, maxBackground)}
	for n, step := range w.job.Steps {
		w.info("StepsRunner", "Processing step: DisplayName='%s'", step.Name)
		if ctx.Err() != nil && result == standin.Succeeded {
			result = cancelled(ctx)
		}
		if result != standin.Succeeded {
			w.info("StepsRunner", "Skipping step due to condition evaluation.")
			continue
		}
		w.info("StepsRunner", "Starting the step.")
		if step.Background {
			background.start(ctx, n, step)
			continue
		}
		var r standin.TaskResult
		if step.WaitAll {
			r = background.wait()
		} else {
			var set changes
			r, set = w.step(ctx, n, step)
			w.apply(set)
		}
		w.info("StepsRunner", "Step result: %s", r)
		if r == standin.Failed {
			w.info("StepsRunner", "Update job result with current step result '%s'.", r)
			result = standin.Failed
		} else {
			w.info("StepsRunner", "No need for updating job result with current step result '%s'.", r)
		}
	}
	if r := background.wait(); result == standin.Succeeded && r == standin.Failed {
		result = r
	}
	if ctx.Err() != nil && result == standin.Succeeded {
		result = cancelled(ctx)
	}
	return result
}

// cancelled is a job's result after it was stopped: Canceled, or Failed if the whole runner is being stopped.
func cancelled(ctx context.Context) standin.TaskResult {
	if context.Cause(ctx) == errShutdown {
		return standin.Failed
	}
	return standin.Canceled
}
