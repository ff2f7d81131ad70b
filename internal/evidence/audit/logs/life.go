package logs

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what one life keeps, so that no log, however made, makes memory grow with its bytes.
const (
	MaxText   = 300     // bytes of a text from a log
	maxID     = 64      // bytes of a job's or plan's id
	maxList   = 8       // cleanups, failures, met jobs
	MaxLives  = 200_000 // Workers
	maxActive = 64      // jobs a Listener is taken to have in hand at once
)

// Evidence is where something stands: a line of a file, or with line 0 the file's name.
type Evidence struct {
	File *Source
	line int64
}

// At is a moment and where it is known from.
type At struct {
	When Stamp
	Evidence
}

// Known reports whether the moment is known.
func (a At) Known() bool { return a.When != 0 }

// Life is one Worker process, from the Listener's log, its own log, or both.
type Life struct {
	Group *Group // the _diag folder it was found in

	Job     string // id of the job, "" if no line says
	request string // the request's number, where it is not 0
	Name    string // the job's display name, as the Listener prints it
	PID     int
	Version string

	seen       At // first mentioned by a Listener
	Start, End At
	Running    bool   // the Worker ran at start already, which is only where the logs begin to tell of it
	Beside     *Life  // the next Worker, which a Listener started with this one cancelled and not ended
	Temp       string // the _temp it used

	// From the Listener's log.
	Acknowledged, Received, CancelSent, Forced, UserCancel, Finished At
	Met                                                              []Met
	Renewal                                                          Renewal
	ExitCode                                                         int // -1 if not known

	// From its own log.
	Log                            *Source
	UsesTemp, Emptied              At // _temp looked up, and emptied at the job's start
	Cancelled, Completed, NotFound At
	Cleanups                       []Cleanup
	Failures                       []Failure
	MoreFailures                   int
	Result                         string
	ResultAt                       At
	step                           string
	process                        Process
	Abnormal                       At // a step's process that ended with 127: its script was gone
	lastLine                       At
	page                           bool // the log may go on from another file
	mixed                          bool // lines of other Workers stand among the log's

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
	At
	ValidTill string
}

// Cleanup is an emptying of _temp.
type Cleanup struct {
	At
	Path string
}

// Process is a program that a step ran.
type Process struct {
	At
	PID      int
	What     string
	exitCode int // -1 while it runs
}

// Failure is an error that names a file under _temp which was gone.
type Failure struct {
	At
	Text    string
	Path    string
	Process Process
	Step    string
}

func newLife(g *Group) *Life { return &Life{Group: g, ExitCode: -1} }

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

// Text makes a bounded string of log bytes: valid UTF-8 of one line, without control characters.
func Text(b []byte, limit int) string {
	cut := len(b) > limit
	if cut {
		b = b[:limit]
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '\ufffd'
		case unicode.IsControl(r):
			return ' '
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			return -1 // direction marks would make a terminal or a browser show another order
		}
		return r
	}, strings.ToValidUTF8(string(b), "\ufffd"))
	if cut {
		s += "…"
	}
	return s
}

// EndOpen reports whether the Worker outlived the start of the next one by the order of the Listener's lines, with
// no line that tells its end.
func (l *Life) EndOpen() bool {
	return l.Beside != nil && !l.Finished.Known() && !l.Completed.Known()
}

// Alive reports whether t lies inside the life. The seconds at its borders do not count: what happens
// in them may be before or after.
func (l *Life) Alive(t Stamp) bool { return t != 0 && l.Start.When < t && t < l.End.When }

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

// results are the names of TaskResult in the order of their numbers.
var results = [...]string{"Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Abandoned"}

// Place is "file:line", or the file's name where that is the evidence.
func (a At) Place() string {
	switch {
	case a.File == nil:
		return ""
	case a.line == 0:
		return Text([]byte(a.File.name), MaxText)
	}
	return fmt.Sprintf("%s:%d", Text([]byte(a.File.name), MaxText), a.line)
}

// LostCommandFile reports whether what was gone is a file that the runner made for a step, not one of the job's.
func (f Failure) LostCommandFile() bool {
	return strings.Contains(f.Text, Missing) || strings.Contains(f.Path, "_runner_file_commands")
}
