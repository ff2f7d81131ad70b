package audit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds on what one life keeps, so that no log, however made, makes memory grow with its bytes.
const (
	maxText   = 300 // bytes of a text from a log
	maxID     = 64  // bytes of a job's or plan's id
	maxList   = 8   // cleanups, failures, met jobs
	maxLives  = 200_000
	maxActive = 64 // jobs a Listener is taken to have in hand at once
)

// evidence is where something stands: a line of a file, or with line 0 the file's name.
type evidence struct {
	file *source
	line int64
}

// at is a moment and where it is known from.
type at struct {
	when stamp
	evidence
}

func (a at) known() bool { return a.when != 0 }

// Life is one Worker process, from the Listener's log, its own log, or both.
type Life struct {
	group *group // the _diag folder it was found in

	job     string // id of the job, "" if no line says
	request string // the request's number, where it is not 0
	name    string // the job's display name, as the Listener prints it
	pid     int
	version string

	seen       at // first mentioned by a Listener
	start, end at
	running    bool   // the Worker ran at start already, which is only where the logs begin to tell of it
	beside     *Life  // the next Worker, which a Listener started with this one cancelled and not ended
	temp       string // the _temp it used

	// From the Listener's log.
	acknowledged, received, cancelSent, forced, userCancel, finished at
	met                                                              []met
	renewal                                                          renewal
	exitCode                                                         int // -1 if not known

	// From its own log.
	log                            *source
	usesTemp, emptied              at // _temp looked up, and emptied at the job's start
	cancelled, completed, notFound at
	cleanups                       []cleanup
	failures                       []failure
	moreFailures                   int
	result                         string
	resultAt                       at
	step                           string
	process                        process
	abnormal                       at // a step's process that ended with 127: its script was gone
	lastLine                       at
	page                           bool // the log may go on from another file
	mixed                          bool // lines of other Workers stand among the log's

	// From the shim's events.
	wrapped bool
}

// met is another job that the Listener had in hand when this one came.
type met struct {
	life    *Life
	renewal renewal
}

// renewal is a successful renewal of a job's lock.
type renewal struct {
	at
	validTill string
}

// cleanup is an emptying of _temp.
type cleanup struct {
	at
	path string
}

// process is a program that a step ran.
type process struct {
	at
	pid      int
	what     string
	exitCode int // -1 while it runs
}

// failure is an error that names a file under _temp which was gone.
type failure struct {
	at
	text    string
	path    string
	process process
	step    string
}

func newLife(g *group) *Life { return &Life{group: g, exitCode: -1} }

// label is a short name for reports: the id's first part.
func (l *Life) label() string {
	if l.job == "" {
		return "job of unknown id"
	}
	return shortID(l.job)
}

func shortID(id string) string {
	if first, _, ok := strings.Cut(id, "-"); ok && len(first) >= 6 {
		return first
	}
	return id
}

// text makes a bounded string of log bytes: valid UTF-8 of one line, without control characters.
func text(b []byte, limit int) string {
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
