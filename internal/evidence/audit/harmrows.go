package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// deadly has the rows on a cleanup and on what failed after it.
func (t *table) deadly(d deadly) {
	by, victim := t.letter(d.by), t.letter(d.victim)
	where := cmp.Or(d.path, "_temp")
	if !d.atStart {
		text := fmt.Sprintf("Job %s runs TempDirectoryManager: wipes the shared %s, with Job %s's files", by, where, victim)
		if t.o.shielded {
			text = fmt.Sprintf("Job %s runs TempDirectoryManager: empties its own %s, not Job %s's", by, where, victim)
		}
		t.row("cleanup", d.At, by, text)
	}
	for _, f := range d.failures {
		if worse(d.failures, f) {
			continue
		}
		if p := f.Process; p.Known() && !slices.Contains(t.steps, p.Evidence) {
			t.steps = append(t.steps, p.Evidence)
			text := fmt.Sprintf("Job %s starts %s (PID %d)", victim, p.What, p.PID)
			if name := commandFile(f.Path); name != "" {
				text = fmt.Sprintf("Job %s has created %s and starts %s (PID %d)", victim, name, p.What, p.PID)
			}
			t.row("step", p.At, victim, text)
			t.rows[len(t.rows)-1].Evidence += ", " + f.Place() // the name comes from the later error
		}
		switch {
		case f.LostSummary():
			t.row("lost", f.At, victim, fmt.Sprintf("Job %s%s ends, and whatever it had set is gone: %s", victim, t.during(f), f.Text))
		case d.victim.Succeeded():
			t.row("lost", f.At, victim, fmt.Sprintf("Job %s%s misses a file: %s", victim, t.during(f), f.Text))
		default:
			t.row("failure", f.At, victim, fmt.Sprintf("Job %s%s fails: %s", victim, t.during(f), f.Text))
		}
	}
}

func (t *table) during(f logs.Failure) string {
	switch {
	case f.Step != "":
		return "'s step " + f.Step
	case f.Process.What != "":
		return "'s " + f.Process.What
	}
	return ""
}

// worse reports whether another failure of the same step's says it better. The runner finds all of them when the step has
// ended: in one second, or on both sides of where the next begins. Of steps that no line names only those of one second
// belong together.
func worse(all []logs.Failure, f logs.Failure) bool {
	rank := func(f logs.Failure) int {
		switch {
		case strings.HasPrefix(f.Text, "Missing file"):
			return 2
		case strings.HasPrefix(f.Text, "Step Summary"):
			return 0
		}
		return 1
	}
	for _, o := range all {
		together := o.When == f.When || f.Step != "" && f.Step == o.Step && max(o.When-f.When, f.When-o.When) == 1
		if together && o.Process.Evidence == f.Process.Evidence && rank(o) > rank(f) {
			return true
		}
	}
	return false
}

// commandFile shortens a step's file command file, set_output_b0988204-d5c8-…, or returns "".
func commandFile(p string) string {
	base := path.Base(p)
	for _, prefix := range [...]string{"set_output_", "set_env_", "add_path_", "save_state_", "step_summary_", "artifacts_list_", "artifacts_"} {
		if guid, ok := strings.CutPrefix(base, prefix); ok {
			return prefix + logs.ShortID(guid) + "…"
		}
	}
	return ""
}
