package status

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

// Print writes a line for each runner, and below it one for each living Worker.
func Print(s screen.Screen, runners []Runner) error {
	columns := []screen.Column{
		{Head: "RUNNER", Cut: screen.Beginning},
		{Head: "PROTECTED"},
		{Head: "ISOLATE", Cut: screen.End},
		{Head: "VERSION"},
		{Head: "USER", Wide: true},
		{Head: "WORKERS"},
		{Head: "LAST START", Cut: screen.End},
	}
	var rows [][]screen.Cell
	for i := range runners {
		r := &runners[i]
		protected, version := screen.Cell{Text: "yes", Colour: screen.Green}, r.Version
		if !r.Protected {
			protected = screen.Cell{Text: "NO", Colour: screen.Red}
		}
		if r.Unknown {
			protected = screen.Cell{Text: "?", Colour: screen.Yellow}
		}
		if version == "" {
			version = "?"
		}
		rows = append(rows, []screen.Cell{
			{Text: r.Root},
			protected,
			{Text: isolate(r, s.Roomy())},
			{Text: version},
			{Text: r.User},
			{Text: strconv.Itoa(len(r.Workers))},
			{Text: last(s, r.Last)},
		})
	}
	if err := s.Table(columns, rows); err != nil {
		return err
	}
	for _, r := range runners {
		if err := details(s, r); err != nil {
			return err
		}
	}
	return nil
}

// details writes what does not fit a table: why a runner is not protected, and its Workers.
func details(s screen.Screen, r Runner) error {
	var all []string
	switch {
	case r.Unknown:
		all = append(all, "cannot be told: "+r.Why+" (see "+r.command.Do("doctor")+")")
	case !r.Protected:
		all = append(all, "not protected: "+r.Why+" (see "+r.command.Do("doctor")+")")
	}
	if !s.Roomy() && r.Last != nil && r.Last.Error != "" {
		all = append(all, "last start: "+last(s, r.Last))
	}
	all = append(all, r.IsolateWhy...)
	for i := range r.Workers {
		all = append(all, fmt.Sprintf("Worker %d since %s, %s", r.Workers[i].PID, s.Time(r.Workers[i].Since), what(&r.Workers[i])))
	}
	if r.Harmless > 0 {
		all = append(all, screen.Count(r.Harmless, "overlap")+" with another Worker made harmless since "+s.Time(r.Since))
	}
	if len(all) == 0 {
		return nil
	}
	var b strings.Builder
	for _, text := range all {
		head := "  "
		for _, line := range s.Wrap(screen.Printable(text), len(head)+2) {
			b.WriteString(head + line + "\n")
			head = "    "
		}
	}
	_, err := fmt.Fprintf(s.Out, "\n%s:\n%s", screen.Printable(r.Root), b.String())
	return err
}

// what says in which _temp a Worker is, and what it does.
func what(w *workers.Worker) string {
	var text string
	switch w.Mode {
	case workers.Private:
		atLeast := ""
		if w.Partial {
			atLeast = "more than "
		}
		text = "private" + beside(w) + ", " + atLeast + screen.Size(w.Bytes) + " in " + w.Temp
	case workers.Alone:
		text = "alone in the plain _temp"
		if w.Apart {
			text += ", in a mount namespace of its own"
		}
	case workers.Plain:
		text = "in the plain _temp, since it could not be isolated (" + w.Why + ")"
		if len(w.Beside) > 0 {
			text = "in the plain _temp, though not alone" + beside(w) + ", since it could not be isolated (" + w.Why + ")"
		}
	case workers.Unknown:
		text = "in which _temp cannot be told by " + who()
	default:
		text = "in the plain _temp: it was started without worker-wrap"
	}
	if w.Waited > 0 {
		text += fmt.Sprintf(", after a wait of %.1f s", w.Waited)
	}
	if w.Step != "" {
		text += ", at step " + w.Step
	}
	return text
}

// beside names the Workers that lived when one started.
func beside(w *workers.Worker) string {
	var out []string
	for _, pid := range w.Beside {
		out = append(out, strconv.Itoa(pid))
	}
	if len(out) == 0 {
		return ""
	}
	return ", beside Worker " + strings.Join(out, " and ")
}

func who() string {
	if os.Geteuid() == 0 {
		return "this root"
	}
	return "this user; sudo shows it"
}

// isolate says which Workers are isolated, and which setting chose that, if there is room for it.
func isolate(r *Runner, from bool) string {
	switch {
	case r.Isolate == "":
		return "?"
	case !from:
		return r.Isolate
	case r.IsolateFrom == "":
		return r.Isolate + " (default)"
	}
	return r.Isolate + " (" + r.IsolateFrom + ")"
}

func last(s screen.Screen, start *Start) string {
	if start == nil {
		return "none on record"
	}
	text := s.Time(start.Time) + " " + start.Outcome
	if start.Waited > 0 {
		text += fmt.Sprintf(" after %.1f s", start.Waited)
	}
	if start.Error != "" {
		text += ": " + start.Error
	}
	return text
}
