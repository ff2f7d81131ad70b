package demo

import (
	"fmt"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// unmet lists what went otherwise in a half than it should.
func (h *half) unmet() []string {
	var all []string
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			all = append(all, strings.ToLower(h.title)+" "+fmt.Sprintf(format, args...))
		}
	}
	codeB := standin.Failed.ExitCode()
	if h.shimmed {
		codeB = standin.Succeeded.ExitCode()
	}
	for _, j := range []struct {
		name string
		id   string
		want int
	}{{"A", h.jobA, standin.Canceled.ExitCode()}, {"B", h.jobB, codeB}} {
		r := h.result(j.id)
		expect(r.Code == j.want, "Job %s should exit with %d, and %s", j.name, j.want, says(r))
		expect(r.Held == nil, "somebody held the %s of Job %s after its end", strings.Join(r.Held, " and "), j.name)
		expect(r.Err == nil, "Job %s was not sent: %v", j.name, r.Err)
	}

	startB, endA := h.find(h.jobB, true, processStarted), h.find(h.jobA, true, processFinished)
	expect(!startB.Time.IsZero() && startB.Time.Before(endA.Time), "the two Workers should have been alive at once, and were not")
	cleaned := h.find(h.jobA, false, cleaning)
	made, used := h.find(h.jobB, false, created), h.find(h.jobB, false, processFinished)
	expect(!cleaned.Time.IsZero() && made.Time.Before(cleaned.Time) && cleaned.Time.Before(used.Time),
		"Job A should have emptied _temp while Job B's step ran, and did not")

	missing := h.find(h.jobB, false, missingFile)
	path := strings.TrimPrefix(missing.Message, missingFile)
	set := h.find(h.jobB, false, outputSet).Message != ""
	if h.shimmed {
		expect(path == "", "Job B should have found its files, and missed %s", path)
		expect(set, "Job B should have set its output, and did not")
	} else {
		expect(made.Message != "" && path == strings.TrimPrefix(made.Message, created),
			"Job B should have failed with “Missing file at path” for the file that was made for it, and did not")
	}
	tempA, okA := h.temps[h.jobA]
	tempB, okB := h.temps[h.jobB]
	if okA && okB {
		expect((tempA == tempB) != h.shimmed, "the two Workers should have had %s _temp", map[bool]string{true: "each its own", false: "the same"}[h.shimmed])
	}
	if okA && okB && h.shimmed {
		expect(h.isPlain(h.jobA), "Job A, which was alone, should have had the plain _temp, and had not")
		expect(!h.isPlain(h.jobB), "Job B should not have had the plain _temp, and had")
	}
	expect(len(h.mounted) == 0, "the machine should see no mount, and sees %s", strings.Join(h.mounted, ", "))
	return all
}

// says tells how a Worker ended, with what its user would be shown.
func says(r standin.Result) string {
	how := fmt.Sprintf("exited with %d", r.Code)
	if r.Signal != 0 {
		how = fmt.Sprintf("was ended by signal %d (%v)", int(r.Signal), r.Signal)
	}
	said := r.Shown
	if r.State != standin.Completed { // the Listener would have shown nothing
		said = r.Kept
	}
	if said != "" {
		how += ", saying: " + strings.ReplaceAll(said, "\n", " / ")
	}
	return how
}
