package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
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
