package audit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// timeline derives an overlap's rows, as the summary table of actions/runner #4357 has them. Only what
// a log line or a log's name tells becomes a row.
func (o *overlap) timeline() []Row {
	t := table{o: o}
	a, b := o.a, o.b
	t.row("start", a.Start, "A", "Job A"+t.who(a)+starts(a)+t.named(a))
	t.metJobs()
	if !t.has("renewed") && a.Renewal.Known() && a.Renewal.When <= o.from {
		t.renewed(a.Renewal)
	}
	t.cancelled()
	t.row("spawned", b.Start, "B", "Job B"+t.who(b)+starts(b)+t.named(b)+": two Workers are alive")
	if b.UsesTemp.Known() {
		whose := "the shared "
		if o.shielded {
			whose = "its own "
		}
		t.row("initialized", b.UsesTemp, "B", "Job B initializes: empties and uses "+whose+cmp.Or(b.Temp, "_temp"))
	}
	for _, d := range o.deadly {
		t.deadly(d)
	}
	for _, l := range [2]*logs.Life{a, b} {
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
	steps []input.Evidence // processes that have their row
}

func (t *table) row(kind string, a input.At, actor, text string) {
	if a.Known() {
		t.rows = append(t.rows, Row{Time: a.When.Time(), Actor: actor, Kind: kind, Text: text, Evidence: a.Place()})
	}
}

func (t *table) has(kind string) bool {
	return slices.ContainsFunc(t.rows, func(r Row) bool { return r.Kind == kind })
}

func (t *table) letter(l *logs.Life) string {
	if l == t.o.a {
		return "A"
	}
	return "B"
}

// who is what stands behind "Job A": its process, if it is known.
func (t *table) who(l *logs.Life) string {
	if l.PID == 0 {
		return ""
	}
	return fmt.Sprintf(" (PID %d)", l.PID)
}

// starts says what the logs tell of a life at its start.
func starts(l *logs.Life) string {
	if l.Running {
		return " is running"
	}
	return " starts"
}

func (t *table) named(l *logs.Life) string {
	switch {
	case l.Name != "":
		return " — " + l.Name
	case l.Job != "":
		return " — job " + l.Label()
	}
	return ""
}

// metJobs has the rows on how B came while A was in hand.
func (t *table) metJobs() {
	a, b := t.o.a, t.o.b
	for _, m := range b.Met {
		if m.Life != a {
			continue
		}
		if m.Renewal.Known() {
			t.renewed(m.Renewal)
		}
		if b.Acknowledged.Known() {
			t.row("acknowledged", b.Acknowledged, "B", "Job B is acknowledged by the runner while Job A is active")
		} else {
			t.row("received", b.Received, "B", "Job B is received by the runner while Job A is active")
		}
	}
}

func (t *table) renewed(r logs.Renewal) {
	text := "Job A is renewed successfully"
	if r.ValidTill != "" {
		text += " (valid till " + r.ValidTill + ")"
	}
	t.row("renewed", r.At, "A", text)
}

func (t *table) cancelled() {
	a := t.o.a
	switch {
	case a.Forced.Known() && a.CancelSent.Known():
		t.row("cancel", a.Forced, "runner", `Runner: "Cancel running worker right away": sends the cancellation to Job A`)
	case a.Forced.Known():
		t.row("cancel", a.Forced, "runner", `Runner: "Cancel running worker right away" for Job A`)
	case a.UserCancel.Known():
		t.row("cancel", a.UserCancel, "runner", "Runner: is asked to cancel Job A")
	case a.CancelSent.Known():
		t.row("cancel", a.CancelSent, "runner", "Runner: sends the cancellation to Job A")
	case a.Cancelled.Known():
		t.row("cancel", a.Cancelled, "A", "Job A receives its cancellation")
	}
}

// end has the row on a life's end, unless its cleanup in the same second has told it.
func (t *table) end(l *logs.Life) {
	if !l.End.Known() || slices.ContainsFunc(t.rows, func(r Row) bool {
		return r.Kind == "cleanup" && r.Actor == t.letter(l) && r.Time.Equal(l.End.When.Time())
	}) {
		return
	}
	text := "Job " + t.letter(l)
	switch code := l.Exit(); {
	case !l.Completed.Known() && !l.Finished.Known() && l.Result == "":
		text += "'s last line: the logs do not tell how it ended"
	case code >= 0 && l.Result != "":
		text += fmt.Sprintf(" exits with code %d (%s)", code, l.Result)
	case code >= 0:
		text += fmt.Sprintf(" exits with code %d", code)
	case l.Result != "":
		text += " ends: " + l.Result
	default:
		text += " ends"
	}
	t.row("end", l.End, t.letter(l), text)
}
