package audit

import (
	"cmp"
	"fmt"
	"slices"
)

// timeline derives an overlap's rows, as the summary table of actions/runner #4357 has them. Only what
// a log line or a log's name tells becomes a row.
func (o *overlap) timeline() []Row {
	t := table{o: o}
	a, b := o.a, o.b
	t.row("start", a.start, "A", "Job A"+t.who(a)+a.starts()+t.named(a))
	t.metJobs()
	if !t.has("renewed") && a.renewal.known() && a.renewal.when <= o.from {
		t.renewed(a.renewal)
	}
	t.cancelled()
	t.row("spawned", b.start, "B", "Job B"+t.who(b)+b.starts()+t.named(b)+": two Workers are alive")
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

// starts says what the logs tell of a life at its start.
func (l *Life) starts() string {
	if l.running {
		return " is running"
	}
	return " starts"
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
