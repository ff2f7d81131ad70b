package status

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/manage/doctor"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

// Print writes a line for each runner, and below it one for each living Worker.
func Print(out io.Writer, runners []Runner, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUNNER\tPROTECTED\tISOLATE\tVERSION\tUSER\tWORKERS\tLAST START")
	for _, r := range runners {
		protected, version := "yes", r.Version
		if !r.Protected {
			protected = "NO"
		}
		if r.Unknown {
			protected = "?"
		}
		if version == "" {
			version = "?"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", doctor.Printable(r.Root), protected, isolate(&r), version, doctor.Printable(r.User), len(r.Workers), last(r.Last, now))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range runners {
		if err := details(out, r, now); err != nil {
			return err
		}
	}
	return nil
}

// details writes what does not fit a table: why a runner is not protected, and its Workers.
func details(out io.Writer, r Runner, now time.Time) error {
	var b strings.Builder
	switch {
	case r.Unknown:
		fmt.Fprintf(&b, "  cannot be told: %s (see worker-wrap doctor)\n", doctor.Printable(r.Why))
	case !r.Protected:
		fmt.Fprintf(&b, "  not protected: %s (see worker-wrap doctor)\n", doctor.Printable(r.Why))
	}
	for i := range r.Workers {
		fmt.Fprintf(&b, "  Worker %d since %s, %s\n", r.Workers[i].PID, moment(r.Workers[i].Since, now), what(&r.Workers[i]))
	}
	if r.Harmless > 0 {
		fmt.Fprintf(&b, "  %d overlaps with another Worker made harmless since %s\n", r.Harmless, moment(r.Since, now))
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "\n%s:\n%s", doctor.Printable(r.Root), b.String())
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
		text = "private" + beside(w) + ", " + atLeast + doctor.Size(w.Bytes) + " in " + w.Temp
	case workers.Alone:
		text = "alone in the plain _temp"
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
	return doctor.Printable(text)
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

// isolate says which Workers are isolated, and where that was chosen.
func isolate(r *Runner) string {
	switch {
	case r.Isolate == "":
		return "?"
	case r.IsolateFrom == "":
		return r.Isolate + " (default)"
	}
	return doctor.Printable(r.Isolate + " (" + r.IsolateFrom + ")")
}

func last(s *Start, now time.Time) string {
	if s == nil {
		return "none on record"
	}
	text := moment(s.Time, now) + " " + s.Outcome
	if s.Waited > 0 {
		text += fmt.Sprintf(" after %.1f s", s.Waited)
	}
	if s.Error != "" {
		text += ": " + s.Error
	}
	return doctor.Printable(text)
}

// moment leaves the date out of today's times.
func moment(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}
