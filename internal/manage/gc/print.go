package gc

import (
	"fmt"
	"os"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// Print writes a line for a store, and below it the things not removed.
func (r *Report) Print(s screen.Screen, dry bool) error {
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(screen.Printable(fmt.Sprintf(format, args...)) + "\n") }
	text := verb + " nothing"
	if len(r.Deleted) > 0 {
		text = fmt.Sprintf("%s %s (%s)", verb, screen.Count(len(r.Deleted), "folder"), r.amount())
	}
	if r.Living > 0 {
		text += fmt.Sprintf(", %d in use", r.Living)
	}
	if r.Unknown > 0 {
		text += fmt.Sprintf(", %d of other PID namespaces or machines left alone", r.Unknown)
	}
	line("%s: %s", r.Store, text)
	if dry {
		for _, name := range r.Deleted {
			line("  %s", name)
		}
	}
	for _, path := range r.Kept {
		line("  could not remove %s: %s", path, r.Why)
	}
	if len(r.Kept) > 0 && os.Geteuid() != 0 {
		line("  as root it can: sudo worker-wrap gc")
	}
	_, err := s.Out.Write([]byte(b.String()))
	return err
}

func (r *Report) amount() string {
	text := screen.Count(r.Files, "file") + ", " + screen.Size(r.Bytes)
	if r.Partial {
		return "more than " + text
	}
	return text
}
