package logs

import (
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// Bounds on what one life keeps, so that no log, however made, makes memory grow with its bytes.
const (
	maxID     = 64      // bytes of a job's or plan's id
	MaxList   = 8       // cleanups, failures, met jobs
	MaxLives  = 200_000 // Workers
	maxActive = 64      // jobs a Listener is taken to have in hand at once

	// MaxTries bounds the comparisons for one log; real logs have one or two that fit.
	MaxTries = 100
	// StartDelay is how long after the Listener's note of a new process that process may open its log,
	// in seconds: the Listener kills a Worker that takes longer (ProcessChannel's time limit).
	StartDelay = 30
)

// Life is one Worker process, from the Listener's log, its own log, or both.
type Life struct {
	Group *input.Group // the _diag folder it was found in

	Job     string // id of the job, "" if no line says
	request string // the request's number, if it is not 0
	Name    string // the job's display name, as the Listener prints it
	PID     int
	Version string

	Seen       input.At // first mentioned by a Listener
	Start, End input.At
	Running    bool   // the Worker ran at start already, which is only where the logs begin to tell of it
	Beside     *Life  // the next Worker, which a Listener started with this one cancelled and not ended
	Temp       string // the _temp it used

	// From the Listener's log.
	Acknowledged, Received, CancelSent, Forced, UserCancel, Finished input.At
	Met                                                              []Met
	Renewal                                                          Renewal
	HeldBy                                                           *Life    // the cancelled Worker for whose end it waited to be started, since 2.336
	HeldTo                                                           input.At // its start, or the last that the Listener says if that never came
	Dropped                                                          input.At // the Listener could not acquire it from the service
	ExitCode                                                         int      // -1 if not known

	// From its own log.
	Log                            *input.Source
	UsesTemp, Emptied              input.At // _temp looked up, and emptied at the job's start
	Cancelled, Completed, NotFound input.At
	Cleanups                       []Cleanup
	Failures                       []Failure
	MoreFailures                   int
	Result                         string
	ResultAt                       input.At
	step                           string
	process                        Process
	Abnormal                       input.At // a step's process that ended with 127: its script was gone
	Exists                         input.At // a file in _diag/pages that it wanted to make was there
	LastLine                       input.At
	Page                           bool   // the log may go on from another file
	Mixed                          bool   // lines of other Workers stand among the log's
	Stream                         string // the text before its lines, if lines of several runners may be mixed

	// From the shim's events.
	Wrapped bool
}

// Met is another job that the Listener had in hand when this one came.
type Met struct {
	Life    *Life
	Renewal Renewal
}

// Renewal is a successful renewal of a job's lock.
type Renewal struct {
	input.At
	ValidTill string
}

// Cleanup is an emptying of _temp.
type Cleanup struct {
	input.At
	Path string
}

// Process is a program that a step ran.
type Process struct {
	input.At
	PID  int
	What string
	Step string
}

// Failure is an error that names a file under _temp which was gone.
type Failure struct {
	input.At
	Text    string
	Path    string
	Process Process
	Step    string
}

func newLife(g *input.Group) *Life { return &Life{Group: g, ExitCode: -1} }

// Label is a short name for reports: the id's first part.
func (l *Life) Label() string {
	if l.Job == "" {
		return "job of unknown id"
	}
	return ShortID(l.Job)
}

// ShortID is the first part of a job's id.
func ShortID(id string) string {
	if first, _, ok := strings.Cut(id, "-"); ok && len(first) >= 6 {
		return first
	}
	return id
}

// Held is for how many seconds the job waited for a cancelled Worker before its own was started.
func (l *Life) Held() int64 {
	if l.HeldBy == nil {
		return 0
	}
	return int64(l.HeldTo.When - l.Received.When)
}

// EndOpen reports whether the Worker outlived the start of the next one by the order of the Listener's lines, but no
// line tells its end.
func (l *Life) EndOpen() bool {
	return l.Beside != nil && !l.Finished.Known() && !l.Completed.Known()
}

// Alive reports whether t lies inside the life. The seconds at its borders do not count: what happens
// in them may be before or after.
func (l *Life) Alive(t input.Stamp) bool { return t != 0 && l.Start.When < t && t < l.End.When }

// Apart reports whether two lives are of different runners, whose logs lie in one folder or stand mixed in one file.
func (l *Life) Apart(o *Life) bool {
	sameTemp := l.Temp != "" && l.Temp == o.Temp
	if l.Stream == o.Stream {
		return !sameTemp && l.Temp != "" && o.Temp != ""
	}
	// A journal tells a service's starts apart. Two containers may have one path each.
	unit, _, journal := strings.Cut(l.Stream, "[")
	other, _, too := strings.Cut(o.Stream, "[")
	return !sameTemp || !journal || !too || unit == "" || unit != other
}

// Exit is the Worker's exit code: the Listener's word, or 100 and the number of the result
// (TaskResultUtil.TranslateToReturnCode). -1 is unknown.
func (l *Life) Exit() int {
	if l.ExitCode >= 0 {
		return l.ExitCode
	}
	if i := slices.Index(results[:], l.Result); i >= 0 && l.Completed.Known() {
		return 100 + i
	}
	return -1
}

// Succeeded reports whether the job is green.
func (l *Life) Succeeded() bool {
	code := l.Exit()
	return l.Result == results[0] || l.Result == results[1] || l.Result == "" && (code == 100 || code == 101)
}

// results are the names of TaskResult in the order of their numbers.
var results = [...]string{"Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Abandoned"}

// LostSummary reports whether the line is the runner's own on a step's summary, which is no error. That file lies beside the
// step's other command files, so what the step had set is gone too.
func (f Failure) LostSummary() bool { return strings.Contains(f.Text, skippingSummary) }

// LostCommandFile reports whether the missing file is one that the runner made for a step, not one of the job's.
func (f Failure) LostCommandFile() bool {
	return strings.Contains(f.Text, Missing) || strings.Contains(f.Path, "_runner_file_commands")
}
