// Package events keeps the shim's own record of what it did for one runner: a file of JSON lines,
// <root>/_diag/worker-wrap.jsonl, beside the runner's logs.
//
// A line is written with one write(2) to a descriptor opened O_APPEND. So lines of Workers that start at the same
// moment never mix, without a daemon or lock. The record is a help for people, never a condition: every caller on the
// way to a Worker's start ignores the error of [Append]. Do not use it to hand state from one process to another.
package events

import "time"

// FileName is the name of the events file in a runner's _diag folder. The runner deletes only
// Runner_*.log and Worker_*.log there (HostTraceListener.CreatePageLogWriter), so the file stays.
const FileName = "worker-wrap.jsonl"

// RotatedName is what [Append] renames a full events file to; the file before it is replaced.
const RotatedName = FileName + ".1"

// Kind says what an event is about.
type Kind string

// The kinds of events.
const (
	Start    Kind = "start"     // a Worker or command was prepared and is about to be executed
	Wait     Kind = "wait"      // a start waited for something: another Worker's end, a lock
	Fallback Kind = "fallback"  // no private view was possible, and the Worker ran or was refused without
	Sweep    Kind = "sweep"     // what a dead job process left behind was removed
	ProxyEnd Kind = "proxy_end" // the Docker proxy of a job process ended
	NoProxy  Kind = "no_proxy"  // a start goes on without the Docker proxy, as its user may not cover that socket
	Unnoted  Kind = "unnoted"   // a start goes on, and what its job leaves running cannot be found
	Left     Kind = "left"      // a job left processes, and its keeper has ended them
	// Elsewhere: a private folder lies on another file system than _temp, which is itself a mount.
	Elsewhere Kind = "elsewhere"
	End       Kind = "end" // a Worker ended; its stage "job" is how long it lived
)

// Process is one process, by what names it for as long as the machine is up.
type Process struct {
	PID   int    `json:"pid"`
	Start uint64 `json:"start,omitempty"` // clock ticks after boot: field 22 of /proc/PID/stat
	Exe   string `json:"exe,omitempty"`   // path of the program that was or will be executed
}

// Stage is one timed part of an event.
type Stage struct {
	Name     string
	Duration time.Duration // written in whole microseconds
}

// Event is one line. Zero fields other than Time, Kind and PID are left out.
type Event struct {
	Time time.Time `json:"time"` // RFC 3339 with nanoseconds, UTC; the zero value means now
	Kind Kind      `json:"kind"`
	// PID is the process that writes the event. For a start it is also Job.PID: execve keeps the PID.
	PID int `json:"pid"`
	// Job is the job process the event is about: the Worker that starts, the dead one whose
	// directory is swept, the one whose proxy ends.
	Job Process `json:"job"`
	// Dir is the private folder of Job.
	Dir string `json:"dir,omitempty"`
	// Namespace is the inode number of the job's mount namespace, as in mnt:[4026531841].
	Namespace uint64 `json:"ns,omitempty"`
	// Alive are the PIDs of the other job processes of this runner, or in its work folder, that were alive: for a start,
	// the overlaps this start met. At most 32 are written, of which AliveTotal has the true number.
	Alive      []int `json:"alive,omitempty"`
	AliveTotal int   `json:"alive_total,omitempty"` // left out if Alive is complete
	// Files and Bytes count what a sweep removed, if it counted.
	Files int64 `json:"files,omitempty"`
	Bytes int64 `json:"bytes,omitempty"`
	Count int   `json:"count,omitempty"` // see [Total]
	// Stages are the timed parts, in order.
	Stages Stages `json:"stages_us,omitempty"`
	// Outcome is one word, usually one of the constants below.
	Outcome string `json:"outcome,omitempty"`
	// Error is the text of the error that led to Outcome.
	Error string `json:"error,omitempty"`
}

// The usual outcomes. A start that gave the Worker its own view has Private: that word is what the
// audit goes by.
const (
	Private = "private" // a private view of _temp
	Plain   = "plain"   // executed without one
	Alone   = "alone"   // executed without one, as the only Worker in the plain _temp
	Refused = "refused" // not executed
	Waited  = "waited"  // what was waited for happened
	Removed = "removed" // all of it
	Partly  = "partly"  // removed but for what could not be
	Failed  = "failed"
	Ended   = "ended" // in order
)

// Harmless reports whether the event is of a start that got a _temp of its own while another Worker of the runner lived.
func (e *Event) Harmless() bool {
	return e.Kind == Start && e.Outcome == Private && len(e.Alive) > 0
}

// Waited returns how long a start waited for earlier Workers, or for those in the plain _temp, if the event is of that.
func (e *Event) Waited() (d time.Duration) {
	if e.Kind != Wait {
		return 0
	}
	for _, stage := range e.Stages {
		if stage.Name == "wait" {
			d = stage.Duration
		}
	}
	return d
}
