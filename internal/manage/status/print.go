package status

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/manage/doctor"
)

// Print writes a line for each runner, and below it one for each living Worker.
func Print(out io.Writer, runners []Runner, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RUNNER\tPROTECTED\tVERSION\tUSER\tWORKERS\tLAST START")
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
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", doctor.Printable(r.Root), protected, version, doctor.Printable(r.User), len(r.Workers)+len(r.Bare), last(r.Last, now))
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
	for _, worker := range r.Workers {
		atLeast := ""
		if worker.Partial {
			atLeast = "more than "
		}
		step := ""
		if worker.Step != "" {
			step = ", at step " + doctor.Printable(worker.Step)
		}
		fmt.Fprintf(&b, "  Worker %d since %s, %s%s in %s%s\n", worker.PID, moment(worker.Since, now), atLeast, doctor.Size(worker.Bytes), doctor.Printable(worker.Temp), step)
	}
	for _, pid := range r.Bare {
		fmt.Fprintf(&b, "  Worker %d has no _temp of its own\n", pid)
	}
	if b.Len() == 0 {
		return nil
	}
	_, err := fmt.Fprintf(out, "\n%s:\n%s", doctor.Printable(r.Root), b.String())
	return err
}

func last(s *Start, now time.Time) string {
	if s == nil {
		return "none on record"
	}
	text := moment(s.Time, now) + " " + s.Outcome
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
