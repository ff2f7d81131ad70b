package demo

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// Beginnings of the records that the demo goes by.
const (
	processStarted  = "Process started with process id "
	processFinished = "Finished process "
	wellKnownTemp   = "Well known directory 'Temp'"
	cleaning        = "Cleaning runner temp folder: "
	created         = "Created "
	missingFile     = "errorMessages: Missing file at path: "
	outputSet       = "Set output "
)

// event is a line of a timeline. Events of two timelines that have the same key are the same event.
type event struct {
	at        time.Duration // since Job A's start
	key, text string
}

// timeline tells what the records say.
func (h *half) timeline() []event {
	records := slices.Clone(h.records)
	slices.SortStableFunc(records, func(a, b standin.Record) int { return a.Time.Compare(b.Time) })
	start := h.find(h.jobA, true, processStarted).Time
	var events []event
	for _, r := range records {
		if key, text := h.tell(r); key != "" {
			events = append(events, event{r.Time.Sub(start), h.letter(r.Job) + key, text})
		}
	}
	return events
}

// tell says what a record is called in a timeline; "" if it has no place there.
func (h *half) tell(r standin.Record) (key, text string) {
	job := "Job " + h.letter(r.Job)
	starts := func(prefix string) bool { return strings.HasPrefix(r.Message, prefix) }
	listener := r.PID == 0
	switch {
	case r.Source == waitSource:
		return r.Message, map[string]string{waitBegins: "worker-wrap has " + job + " wait for Job A", waitEnds: fmt.Sprintf("worker-wrap has waited %.1f s, the most that is set", h.waitB.Seconds())}[r.Message]
	case listener && starts("Start renew job request") && r.Job == h.jobB && (h.holds || h.wait > 0):
		return "taken", job + " is shown as running, and renewed"
	case listener && starts("Acknowledging runner request ") && r.Job == h.jobB:
		return "arrives", job + " arrives while Job A runs"
	case listener && starts("We are not yet checking"):
		_, rest, _ := strings.Cut(r.Message, "status. ")
		return "cancel", `Listener: "` + strings.TrimSuffix(rest, ".") + `"`
	case listener && starts(processStarted):
		pid, _, _ := strings.Cut(r.Message[len(processStarted):], ",")
		return "starts", job + "'s Worker starts, PID " + pid
	case listener && starts(processFinished):
		result := h.result(r.Job)
		if result.Signal != 0 {
			return "ends", fmt.Sprintf("%s ends by signal: %v", job, result.Signal)
		}
		return "ends", fmt.Sprintf("%s ends, exit code %d%s", job, result.Code, meaning(result.Code))
	case listener:
		return "", ""
	case starts(wellKnownTemp):
		return "temp", job + " uses _temp" + h.which(r.Job)
	case starts("Processing step: DisplayName='"):
		return "step", job + ": " + strings.TrimSuffix(strings.TrimPrefix(r.Message, "Processing step: DisplayName='"), "'")
	case starts(created) && r.Job == h.jobB:
		return "created", job + " makes " + short(r.Message[len(created):])
	case starts("Sending SIG"):
		signal, _, _ := strings.Cut(strings.TrimPrefix(r.Message, "Sending "), " ")
		return signal, job + "'s step gets " + signal
	case starts("Kill entire process tree"):
		return "kill", job + "'s step is killed"
	case starts(cleaning):
		return "cleans", job + " empties _temp" + h.inode(r.Job)
	case starts(missingFile):
		return "missing", job + ": Missing file at path: …/" + short(r.Message[len(missingFile):])
	case starts(outputSet):
		return "output", job + " sets its output"
	}
	return "", ""
}

// which says which folder a job's _temp is.
func (h *half) which(job string) string {
	mine, ok := h.temps[job]
	if !ok {
		return ""
	}
	other, ok := h.temps[h.jobA]
	switch {
	case job == h.jobA && h.shimmed && h.isPlain(job):
		return fmt.Sprintf(" (inode %d, the plain one)", mine.ino)
	case job == h.jobA || !ok:
		return h.inode(job)
	case mine == other:
		return fmt.Sprintf(" (inode %d, the same)", mine.ino)
	}
	return fmt.Sprintf(" (inode %d, its own)", mine.ino)
}

func (h *half) inode(job string) string {
	if temp, ok := h.temps[job]; ok {
		return fmt.Sprintf(" (inode %d)", temp.ino)
	}
	return ""
}

// short cuts the GUID at the end of a file's name.
func short(path string) string {
	name := filepath.Base(path)
	if i := strings.IndexByte(name, '-'); i > 0 {
		return name[:i] + "…"
	}
	return name
}

// meaning is the result that an exit code stands for.
func meaning(code int) string {
	if code < standin.Succeeded.ExitCode() || code > standin.Abandoned.ExitCode() {
		return ""
	}
	return fmt.Sprintf(" (%s)", standin.TaskResult(code-standin.Succeeded.ExitCode()))
}

func (h *half) letter(job string) string {
	if job == h.jobA {
		return "A"
	}
	return "B"
}

func (h *half) result(job string) standin.Result {
	if job == h.jobA {
		return h.resultA
	}
	return h.resultB
}

// find returns the first record of a job, the Listener's or its Worker's own, that begins with prefix.
func (h *half) find(job string, listener bool, prefix string) standin.Record {
	for _, r := range h.records {
		if r.Job == job && (r.PID == 0) == listener && strings.HasPrefix(r.Message, prefix) {
			return r
		}
	}
	return standin.Record{}
}
