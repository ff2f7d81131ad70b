package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// step runs the nth step: makes its files, runs it, reads its files
// (src/Runner.Worker/ActionRunner.cs, Handlers/ScriptHandler.cs).
func (w *worker) step(ctx context.Context, n int, step standin.Step) (standin.TaskResult, changes) {
	pages, err := w.newPages(n)
	var files *fileCommands
	if err == nil {
		defer pages.uploaded()
		files, err = w.newFileCommands()
	}
	if err == nil {
		err = w.writeEvent()
	}
	if err != nil {
		w.error("StepsRunner", "Caught exception from step: "+exception(err))
		return standin.Failed, changes{}
	}
	if w.echo { // upstream logs nothing here; a timeline needs it
		w.note("FileCommandManager", "Created "+files.path("set_output_"))
	}
	began := time.Now()
	result, errors := w.handle(ctx, step, files)
	set, failures := files.process(w)
	for _, err := range failures {
		errors = append(errors, err.Error())
		result = standin.Failed
	}
	if ctx.Err() != nil && result != standin.Succeeded {
		result = standin.Canceled
	}
	w.telemetry(step, result, errors, time.Since(began))
	return result, set
}

// handle does what the step says, and returns how it ended and the errors it reported.
func (w *worker) handle(ctx context.Context, step standin.Step, files *fileCommands) (standin.TaskResult, []string) {
	var program string
	switch {
	case step.Run != "":
		id, err := common.GUID()
		if err != nil {
			return standin.Failed, []string{err.Error()}
		}
		program = filepath.Join(w.root.Temp, id+".sh")
		if err := os.WriteFile(program, []byte(step.Run), 0o666); err != nil {
			return standin.Failed, []string{exception(err)}
		}
	case step.Uses != "":
		program = w.actionFile(step)
	default:
		select {
		case <-time.After(w.scaled(step.Sleep)):
		case <-ctx.Done():
			return standin.Canceled, nil
		}
		if step.Output == "" {
			return standin.Succeeded, nil
		}
		if err := files.issue("set_output_", step.Output); err != nil {
			return standin.Failed, []string{err.Error()}
		}
		return standin.Succeeded, nil
	}
	out, err := w.invoke(ctx, "/bin/sh", []string{"-e", program}, w.stepEnv(files), w.workspace())
	var reported []string
	for line := range strings.Lines(out.text) {
		if text, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "::error::"); ok {
			reported = append(reported, text)
		}
	}
	switch {
	case err != nil:
		return standin.Failed, append(reported, err.Error())
	case ctx.Err() != nil:
		return standin.Canceled, reported
	case out.code != 0:
		if len(reported) == 0 {
			reported = []string{fmt.Sprintf("Process completed with exit code %d.", out.code)}
		}
		return standin.Failed, reported
	}
	return standin.Succeeded, reported
}

// stepEnv is the environment of a step's process.
func (w *worker) stepEnv(files *fileCommands) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	env := os.Environ()
	for name, value := range w.env {
		env = append(env, name+"="+value)
	}
	if len(w.path) > 0 {
		env = append(env, "PATH="+strings.Join(w.path, ":")+":"+os.Getenv("PATH"))
	}
	env = append(env,
		"RUNNER_TRACKING_ID="+w.tracking,
		"RUNNER_TEMP="+w.root.Temp,
		"RUNNER_TOOL_CACHE="+filepath.Join(w.root.Work, "_tool"),
		"RUNNER_WORKSPACE="+filepath.Dir(w.workspace()),
		"GITHUB_WORKSPACE="+w.workspace(),
		"GITHUB_EVENT_PATH="+w.eventFile(),
		"GITHUB_JOB="+w.job.JobDisplayName,
	)
	for _, c := range files.commands {
		env = append(env, c.variable+"="+files.path(c.prefix))
	}
	return env
}

func (w *worker) eventFile() string {
	return filepath.Join(w.root.Temp, "_github_workflow", "event.json")
}

// writeEvent writes the webhook's payload (src/Runner.Worker/ExecutionContext.cs, WriteWebhookPayload),
// and makes the home folder that containers get.
func (w *worker) writeEvent() error {
	if err := os.MkdirAll(filepath.Join(w.root.Temp, "_github_home"), 0o777); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(w.eventFile()), 0o777); err != nil {
		return err
	}
	return os.WriteFile(w.eventFile(), []byte(`{"ref":"refs/heads/main"}`), 0o666)
}

// telemetry logs how a step ended, with its errors: in upstream's logs of issue 4357 these lines show
// what was missing.
func (w *worker) telemetry(step standin.Step, result standin.TaskResult, errors []string, took time.Duration) {
	kind, action := "run", "sh"
	if name, _, ok := strings.Cut(step.Uses, "@"); ok {
		kind, action = "node24", name
	}
	if errors == nil {
		errors = []string{}
	}
	text, err := json.MarshalIndent(map[string]any{
		"action": action, "type": kind, "stage": "Main", "result": strings.ToLower(result.String()),
		"errorMessages": errors, "executionTimeInSeconds": int(took.Seconds() + 1),
	}, "", "  ")
	if err != nil {
		return
	}
	w.info("ExecutionContext", "Publish step telemetry for current step %s.", text)
	for _, e := range errors {
		if w.echo { // the lines of a record after its first do not reach the Listener
			fmt.Print(common.Echo(time.Now(), common.Info, "ExecutionContext", "errorMessages: "+e))
		}
	}
}
