package standin

import (
	"encoding/json"
	"strings"
	"time"
)

// TaskResult is how a job ended. The Worker's exit code is 100 more (src/Runner.Common/Util/TaskResultUtil.cs).
type TaskResult int

// The results, in upstream's order (DTWebApi/WebApi/TaskResult.cs).
const (
	Succeeded TaskResult = iota
	SucceededWithIssues
	Failed
	Canceled
	Skipped
	Abandoned
)

// ExitCode is the Worker's exit code for a result.
func (r TaskResult) ExitCode() int { return 100 + int(r) }

func (r TaskResult) String() string {
	return [...]string{"Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Abandoned"}[r]
}

// resultOf is the result that a Worker's exit code means. Any other code counts as Failed, and as a crash
// (IsValidReturnCode).
func resultOf(code int) (r TaskResult, valid bool) {
	if code < Succeeded.ExitCode() || code > Abandoned.ExitCode() {
		return Failed, false
	}
	return TaskResult(code - 100), true
}

// Job is what a Listener gives its Worker to do.
type Job struct {
	ID    string // a GUID; one is made if it is empty
	Name  string // shown, and written to logs
	Steps []Step
	// Teardown is how long the Worker goes on after the last step, uploading logs and the like, until it
	// empties _temp at the job's end.
	Teardown time.Duration
	// TeardownUntil names a file. The teardown goes on until it is there, for Teardown again and again up to 30 times.
	TeardownUntil string
	// Forgotten makes the service not know the job any more when it ends, as one that it has given up meanwhile: the Worker
	// crashes then (issue 4357's Job A, actions/runner #4670).
	Forgotten bool
	// Padding makes the job's message longer by that many bytes of JSON, as contexts and variables do
	// for real jobs. In UTF-16 they are twice as many on the pipe, which holds 64 KiB.
	Padding int
	// Body, if it is not nil, is sent instead of the job, whatever it is: for Workers that do not read it.
	Body []byte

	plan string
}

// Step is one step of a job. Exactly one of Run, Uses and Output says what it does; without any it just
// lasts for Sleep. A step that fails makes the ones after it be skipped.
type Step struct {
	Name string `json:"displayName"`
	// Run is a script for `sh -e`, which the Worker writes to _temp/<guid>.sh.
	Run string `json:"run,omitempty"`
	// Uses names an action, owner/name@ref, whose code is Script: the Worker puts it into _actions and
	// runs it with `sh -e`.
	Uses   string `json:"uses,omitempty"`
	Script string `json:"script,omitempty"`
	// Output sets outputs, name=value, within the Worker and with no process of its own, but as the
	// actions toolkit does it (packages/core/src/file-command.ts): after Sleep, and failing with "Missing
	// file at path" if the file that the Worker made for it is gone.
	Output string        `json:"output,omitempty"`
	Sleep  time.Duration `json:"sleep,omitempty"`
	// Background has the next step begin while this one goes on, since 2.335. WaitAll is a step that waits for all such;
	// the end of the steps does too.
	Background bool `json:"background,omitempty"`
	WaitAll    bool `json:"waitAll,omitempty"`
}

// SetOutput is a line of shell for Run and Script that sets an output as the actions toolkit does: it
// fails if the file that the Worker made for it is gone.
func SetOutput(name, value string) string {
	return `[ -f "$GITHUB_OUTPUT" ] || { echo "::error::Missing file at path: $GITHUB_OUTPUT"; exit 1; }` + "\n" +
		"printf '%s=%s\\n' " + quote(name) + " " + quote(value) + ` >>"$GITHUB_OUTPUT"` + "\n"
}

// Mark is a line of shell for Run and Script that makes a file: who waits for it, as [Until] or a job's TeardownUntil, knows
// that the step has come there.
func Mark(file string) string { return ": >" + quote(file) + "\n" }

// Until is a line of shell for Run and Script that waits for a file, however long that takes.
func Until(file string) string { return "until [ -e " + quote(file) + " ]; do sleep 0.02; done\n" }

// quote makes one word of shell of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Message is the body of a new job's message: the part of upstream's AgentJobRequestMessage that the
// stand-in needs, under the same names.
type Message struct {
	MessageType string `json:"messageType"`
	Plan        struct {
		PlanID string `json:"planId"`
	} `json:"plan"`
	JobID          string            `json:"jobId"`
	JobDisplayName string            `json:"jobDisplayName"`
	RequestID      int64             `json:"requestId"`
	Steps          []Step            `json:"steps"`
	Variables      map[string]string `json:"variables"`
	StandIn        struct {
		Teardown      time.Duration `json:"teardown"`
		TeardownUntil string        `json:"teardownUntil"`
		Forgotten     bool          `json:"forgotten"`
	} `json:"standIn"`
}

func (j Job) encode() (string, error) {
	m := Message{MessageType: "RunnerJobRequest", JobID: j.ID, JobDisplayName: j.Name, Steps: j.Steps}
	m.Plan.PlanID = j.plan
	m.StandIn.Teardown, m.StandIn.TeardownUntil, m.StandIn.Forgotten = j.Teardown, j.TeardownUntil, j.Forgotten
	if j.Padding > 0 {
		m.Variables = map[string]string{"padding": strings.Repeat("x", j.Padding)}
	}
	body, err := json.Marshal(m)
	return string(body), err
}
