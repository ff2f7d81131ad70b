package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// timeline derives an overlap's rows, as the summary table of actions/runner #4357 has them. Only what
// a log line or a log's name tells becomes a row.
func (o *overlap) timeline() []Row {
	t := table{o: o}
	a, b := o.a, o.b
	t.row("start", a.start, "A", "Job A"+t.who(a)+" starts"+t.named(a))
	t.metJobs()
	if !t.has("renewed") && a.renewal.known() && a.renewal.when <= o.from {
		t.renewed(a.renewal)
	}
	t.cancelled()
	t.row("spawned", b.start, "B", "Job B"+t.who(b)+" starts"+t.named(b)+": two Workers are alive")
	if b.usesTemp.known() {
		whose := "the shared "
		if o.shielded {
			whose = "its own "
		}
		t.row("initialized", b.usesTemp, "B", "Job B initializes: empties and uses "+whose+cmp.Or(b.temp, "_temp"))
	}
	for _, d := range o.deadly {
		t.deadly(d)
	}
	for _, l := range [2]*Life{a, b} {
		t.end(l)
	}
	slices.SortStableFunc(t.rows, func(x, y Row) int { return x.Time.Compare(y.Time) })
	return t.rows
}

// table collects rows. Rows of one second stay in the order in which they are added, the order of
// cause and effect.
type table struct {
	o     *overlap
	rows  []Row
	steps []evidence // processes that have their row
}

func (t *table) row(kind string, a at, actor, text string) {
	if a.known() {
		t.rows = append(t.rows, Row{Time: a.when.time(), Actor: actor, Kind: kind, Text: text, Evidence: a.place()})
	}
}

func (t *table) has(kind string) bool {
	return slices.ContainsFunc(t.rows, func(r Row) bool { return r.Kind == kind })
}

func (t *table) letter(l *Life) string {
	if l == t.o.a {
		return "A"
	}
	return "B"
}

// who is what stands behind "Job A": its process, where it is known.
func (t *table) who(l *Life) string {
	if l.pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (PID %d)", l.pid)
}

func (t *table) named(l *Life) string {
	switch {
	case l.name != "":
		return " — " + l.name
	case l.job != "":
		return " — job " + l.label()
	}
	return ""
}

// metJobs has the rows on how B came while A was in hand.
func (t *table) metJobs() {
	a, b := t.o.a, t.o.b
	for _, m := range b.met {
		if m.life != a {
			continue
		}
		if m.renewal.known() {
			t.renewed(m.renewal)
		}
		if b.acknowledged.known() {
			t.row("acknowledged", b.acknowledged, "B", "Job B is acknowledged by the runner while Job A is active")
		} else {
			t.row("received", b.received, "B", "Job B is received by the runner while Job A is active")
		}
	}
}

func (t *table) renewed(r renewal) {
	text := "Job A is renewed successfully"
	if r.validTill != "" {
		text += " (valid till " + r.validTill + ")"
	}
	t.row("renewed", r.at, "A", text)
}

func (t *table) cancelled() {
	a := t.o.a
	switch {
	case a.forced.known() && a.cancelSent.known():
		t.row("cancel", a.forced, "runner", `Runner: "Cancel running worker right away": sends the cancellation to Job A`)
	case a.forced.known():
		t.row("cancel", a.forced, "runner", `Runner: "Cancel running worker right away" for Job A`)
	case a.userCancel.known():
		t.row("cancel", a.userCancel, "runner", "Runner: is asked to cancel Job A")
	case a.cancelSent.known():
		t.row("cancel", a.cancelSent, "runner", "Runner: sends the cancellation to Job A")
	case a.cancelled.known():
		t.row("cancel", a.cancelled, "A", "Job A receives its cancellation")
	}
}

func (t *table) deadly(d deadly) {
	by, victim := t.letter(d.by), t.letter(d.victim)
	where := cmp.Or(d.path, "_temp")
	if !d.atStart {
		text := fmt.Sprintf("Job %s runs TempDirectoryManager: wipes the shared %s, with Job %s's files", by, where, victim)
		if t.o.shielded {
			text = fmt.Sprintf("Job %s runs TempDirectoryManager: empties its own %s, not Job %s's", by, where, victim)
		}
		t.row("cleanup", d.at, by, text)
	}
	for _, f := range d.failures {
		if worse(d.failures, f) {
			continue
		}
		if p := f.process; p.known() && !slices.Contains(t.steps, p.evidence) {
			t.steps = append(t.steps, p.evidence)
			text := fmt.Sprintf("Job %s starts %s (PID %d)", victim, p.what, p.pid)
			if name := commandFile(f.path); name != "" {
				text = fmt.Sprintf("Job %s has created %s and starts %s (PID %d)", victim, name, p.what, p.pid)
			}
			t.row("step", p.at, victim, text)
			t.rows[len(t.rows)-1].Evidence += ", " + f.place() // the name comes from the later error
		}
		t.row("failure", f.at, victim, fmt.Sprintf("Job %s%s fails: %s", victim, t.during(f), f.text))
	}
}

func (t *table) during(f failure) string {
	switch {
	case f.step != "":
		return "'s step " + f.step
	case f.process.what != "":
		return "'s " + f.process.what
	}
	return ""
}

// worse reports whether another failure of the same second and process says it better.
func worse(all []failure, f failure) bool {
	rank := func(f failure) int {
		switch {
		case strings.HasPrefix(f.text, "Missing file"):
			return 2
		case strings.HasPrefix(f.text, "Step Summary"):
			return 0
		}
		return 1
	}
	for _, o := range all {
		if o.when == f.when && o.process.evidence == f.process.evidence && rank(o) > rank(f) {
			return true
		}
	}
	return false
}

// commandFile shortens a step's file command file, set_output_b0988204-d5c8-…, or returns "".
func commandFile(p string) string {
	base := path.Base(p)
	for _, prefix := range [...]string{"set_output_", "set_env_", "add_path_", "save_state_", "step_summary_"} {
		if guid, ok := strings.CutPrefix(base, prefix); ok {
			return prefix + shortID(guid) + "…"
		}
	}
	return ""
}

// end has the row on a life's end, unless its cleanup in the same second has told it.
func (t *table) end(l *Life) {
	if !l.end.known() || slices.ContainsFunc(t.rows, func(r Row) bool {
		return r.Kind == "cleanup" && r.Actor == t.letter(l) && r.Time.Equal(l.end.when.time())
	}) {
		return
	}
	text := "Job " + t.letter(l)
	switch code := l.exit(); {
	case !l.completed.known() && !l.finished.known() && l.result == "":
		text += "'s last line: the logs do not tell how it ended"
	case code >= 0 && l.result != "":
		text += fmt.Sprintf(" exits with code %d (%s)", code, l.result)
	case code >= 0:
		text += fmt.Sprintf(" exits with code %d", code)
	case l.result != "":
		text += " ends: " + l.result
	default:
		text += " ends"
	}
	t.row("end", l.end, t.letter(l), text)
}

// exit is the Worker's exit code: the Listener's word, or 100 and the number of the result
// (TaskResultUtil.TranslateToReturnCode). -1 is unknown.
func (l *Life) exit() int {
	if l.exitCode >= 0 {
		return l.exitCode
	}
	if i := slices.Index(results[:], l.result); i >= 0 && l.completed.known() {
		return 100 + i
	}
	return -1
}

// results are the names of TaskResult in the order of their numbers.
var results = [...]string{"Succeeded", "SucceededWithIssues", "Failed", "Canceled", "Skipped", "Abandoned"}

// place is "file:line", or the file's name where that is the evidence.
func (a at) place() string {
	switch {
	case a.file == nil:
		return ""
	case a.line == 0:
		return text([]byte(a.file.name), maxText)
	}
	return fmt.Sprintf("%s:%d", text([]byte(a.file.name), maxText), a.line)
}
