package worker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// run runs the job from the emptying of _temp to the emptying of _temp, as
// src/Runner.Worker/JobRunner.cs has it.
func (w *worker) run(ctx context.Context) (standin.TaskResult, error) {
	w.info("JobRunner", "Job ID %s", w.job.JobID)
	w.info("JobRunner", "Starting the job execution context.")
	w.info("HostContext", "Well known directory 'Work': '%s'", w.root.Work)
	w.info("JobRunner", "Validating directory permissions for: '%s'", w.root.Work)
	tools := filepath.Join(w.root.Work, "_tool")
	w.info("HostContext", "Well known directory 'Tools': '%s'", tools)
	if err := os.MkdirAll(tools, 0o777); err != nil {
		w.error("JobRunner", exception(err))
		return w.complete(standin.Failed)
	}
	w.info("HostContext", "Well known directory 'Temp': '%s'", w.root.Temp)
	if err := w.initializeTemp(); err != nil {
		w.error("JobRunner", exception(err))
		return w.complete(standin.Failed)
	}
	w.info("JobRunner", "Getting job extension.")
	w.info("JobRunner", "Initialize job. Getting all job steps.")
	if err := w.prepare(); err != nil {
		w.error("JobRunner", "Job initialize failed.")
		w.error("JobRunner", "Caught exception from InitializeJob: "+exception(err))
		return w.complete(standin.Failed)
	}
	w.info("JobRunner", "Total job steps: %d.", len(w.job.Steps))
	w.info("JobRunner", "Run all job steps.")
	result := w.steps(ctx)
	w.info("JobRunner", "Finalize job.")
	w.killOrphans()
	w.info("JobRunner", "Job result after all job steps finish: %s", result)
	w.info("JobRunner", "Completing the job execution context.")
	return w.complete(result)
}

// complete ends the job: the uploads, which the Teardown stands for, still use _temp, and so it is
// emptied after them. Cancelling does not shorten this.
func (w *worker) complete(result standin.TaskResult) (standin.TaskResult, error) {
	teardown := w.scaled(w.job.StandIn.Teardown)
	time.Sleep(teardown)
	if until := w.job.StandIn.TeardownUntil; until != "" {
		for end := time.Now().Add(29 * teardown); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			if _, err := os.Lstat(until); err == nil {
				break
			}
		}
	}
	w.cleanupTemp()
	w.info("JobRunner", "Raising job completed against run service")
	if !w.job.StandIn.Forgotten {
		return result, nil
	}
	w.error("GitHubActionsService", "POST request to https://run-actions.example/completejob failed. HTTP Status: NotFound")
	w.error("JobRunner", fmt.Sprintf("Catch exception while attempting to complete job %s, job request 0.", w.job.JobID))
	gone := "GitHub.DistributedTask.WebApi.TaskOrchestrationJobNotFoundException: Job not found: " + w.job.JobID + ". workflow instance not found"
	w.error("JobRunner", gone)
	return result, common.Upstream("One or more errors occurred. (" + gone + ")")
}

// prepare does what src/Runner.Worker/JobExtension.cs does before the first step that touches files:
// it deletes _actions, itself and not only what is in it, and gets the actions of all steps.
func (w *worker) prepare() error {
	id, err := common.GUID()
	if err != nil {
		return err
	}
	w.tracking = "github_" + id
	actions := filepath.Join(w.root.Work, "_actions")
	w.info("HostContext", "Well known directory 'Actions': '%s'", actions)
	if err := deleteDirectory(actions, false, false); err != nil {
		return err
	}
	if err := os.MkdirAll(w.workspace(), 0o777); err != nil {
		return err
	}
	for _, step := range w.job.Steps {
		if step.Uses == "" {
			continue
		}
		file := w.actionFile(step)
		if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(step.Script), 0o666); err != nil {
			return err
		}
	}
	return nil
}

// workspace is the job's working directory.
func (w *worker) workspace() string { return filepath.Join(w.root.Work, "example", "example") }

// actionFile is where the code of a step's action lies: _actions/owner/name/ref/dist/index.sh.
func (w *worker) actionFile(step standin.Step) string {
	name, ref, _ := strings.Cut(step.Uses, "@")
	return filepath.Join(w.root.Work, "_actions", name, ref, "dist", "index.sh")
}
