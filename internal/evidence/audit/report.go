package audit

import (
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// Report is everything an audit found. Its JSON is what --json prints; fields are only ever added.
type Report struct {
	Runners   []Runner      `json:"runners"`
	Totals    Totals        `json:"totals"`
	Weeks     []Week        `json:"weeks"`
	Incidents []*Incident   `json:"incidents"`
	Held      []Held        `json:"held,omitempty"` // the longest first
	Shim      *Shim         `json:"shim,omitempty"` // from the events files, if there are any
	Skipped   input.Skipped `json:"skipped"`
	Unsure    []string      `json:"unsure,omitempty"` // why the answer is not "no", if no shared _temp was found
	Verdict   string        `json:"verdict"`

	lives []*logs.Life
}

// Runner is one folder of logs.
type Runner struct {
	Dir   string     `json:"dir"`
	Files int        `json:"files"`
	Bytes int64      `json:"bytes"` // uncompressed
	Lines int64      `json:"lines"`
	Jobs  int        `json:"jobs"`
	From  *time.Time `json:"from,omitempty"` // start of the first Worker
	To    *time.Time `json:"to,omitempty"`   // end of the last one
}

// Totals count over all runners.
type Totals struct {
	Jobs           int `json:"jobs"`           // Workers seen
	Overlaps       int `json:"overlaps"`       // pairs of Workers of one runner that were alive at once
	Shielded       int `json:"shielded"`       // of these, with at least one in the shim's private view
	Cleanups       int `json:"cleanups"`       // final cleanups of the shared _temp inside another's life
	Harmed         int `json:"harmed"`         // jobs that certainly lost files to it; of these …
	Lost           int `json:"lost"`           // … ended well without what their steps had set, which nobody notices
	Failed         int `json:"failed"`         // … failed
	PossiblyHarmed int `json:"possiblyHarmed"` // jobs that failed after it, with no line that says why
	Cancelled      int `json:"cancelled"`      // jobs that the runner cancelled "right away" for the next
	Unexplained    int `json:"unexplained"`    // jobs that missed files in _temp with no overlap to blame in these logs
	Held           int `json:"held"`           // jobs that waited for a cancelled Worker before their own was started
	Dropped        int `json:"dropped"`        // jobs that the service assigned and would not give any more (#4728)
	Exists         int `json:"exists"`         // jobs that met a file in _diag/pages which a killed Worker had left
}

// Week are the totals of one ISO week, by the jobs' starts.
type Week struct {
	Week           string `json:"week"` // 2026-W17
	Jobs           int    `json:"jobs"`
	Overlaps       int    `json:"overlaps"`
	Harmed         int    `json:"harmed"`
	Lost           int    `json:"lost"`
	PossiblyHarmed int    `json:"possiblyHarmed"`
}

// Incident is one pair of Workers that were alive at once.
type Incident struct {
	Number   int       `json:"number"` // from 1
	Runner   string    `json:"runner"` // the folder of its logs
	A        Job       `json:"a"`      // the Worker that started first
	B        Job       `json:"b"`
	From     time.Time `json:"from"`    // both alive from here …
	To       time.Time `json:"to"`      // … to here
	Seconds  int64     `json:"seconds"` // 0 if only the order of a Listener's lines tells that both lived
	Shielded bool      `json:"shielded"`
	Timeline []Row     `json:"timeline"`
	Failed   []string  `json:"failed,omitempty"` // what failed because of it
	WithShim string    `json:"withShim"`         // what would have happened, or did, with worker-wrap

	overlap *overlap
}

// Held is a job that waited for a cancelled Worker before its own was started: since 2.336.0, and without limit. Meanwhile
// it is neither shown as running nor is its lock renewed.
type Held struct {
	Runner  string    `json:"runner"`
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"` // its start, or the last that the logs tell
	Seconds int64     `json:"seconds"`
	Started bool      `json:"started"`
	By      Job       `json:"by"`
}

// Job is one Worker's part in an incident.
type Job struct {
	ID        string    `json:"id,omitempty"`
	Name      string    `json:"name,omitempty"`
	PID       int       `json:"pid,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Result    string    `json:"result,omitempty"`
	ExitCode  *int      `json:"exitCode,omitempty"`
	Cancelled bool      `json:"cancelled"` // by the runner, in favour of the next job
	Harm      Harm      `json:"harm"`
	Lost      bool      `json:"lost"` // it ended well without what its steps had set
	Wrapped   bool      `json:"wrapped"`
	Temp      string    `json:"temp,omitempty"`
	Version   string    `json:"runnerVersion,omitempty"`
}

// Row is one line of an incident's timeline.
type Row struct {
	Time     time.Time `json:"time"`
	Actor    string    `json:"actor"` // A, B or runner
	Kind     string    `json:"kind"`  // start, renewed, acknowledged, received, cancel, spawned, initialized, step, cleanup, lost, failure, end
	Text     string    `json:"text"`
	Evidence string    `json:"evidence"` // file:line, or a file whose name says it
}
