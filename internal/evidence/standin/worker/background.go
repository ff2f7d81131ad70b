package worker

import (
	"context"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// maxBackground is how many background steps run at once (src/Runner.Worker/BackgroundStepCoordinator.cs, since 2.335).
const maxBackground = 10

// coordinator runs a job's background steps.
type coordinator struct {
	worker *worker
	slots  chan struct{}
	all    []*backgroundStep // that nothing has waited for
}

type backgroundStep struct {
	done   chan struct{}
	result standin.TaskResult
	set    changes
}

// start starts a step and does not wait for it.
func (c *coordinator) start(ctx context.Context, n int, step standin.Step) {
	const source = "BackgroundStepCoordinator"
	w, b := c.worker, &backgroundStep{done: make(chan struct{}), result: standin.Canceled}
	c.all = append(c.all, b)
	w.info(source, "Background step '%s' queued (slot will be acquired asynchronously).", step.Name)
	go func() {
		defer close(b.done)
		w.info(source, "Background step '%s' waiting for slot.", step.Name)
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		w.info(source, "Background step '%s' acquired slot.", step.Name)
		b.result, b.set = w.step(ctx, n, step)
		<-c.slots
		w.info(source, "Background step '%s' completed with result: %s", step.Name, b.result)
	}()
}

// wait waits for all that were started, as a wait-all step and the end of the steps do. What they have set counts from
// here on.
func (c *coordinator) wait() standin.TaskResult {
	result := standin.Succeeded
	for _, b := range c.all {
		<-b.done
		c.worker.apply(b.set)
		if b.result == standin.Failed {
			result = standin.Failed
		}
	}
	c.all = nil
	return result
}
