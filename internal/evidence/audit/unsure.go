package audit

import (
	"fmt"
	"strings"
)

// unsure lists symptoms of the race (missing files, a cancelled Worker without an end) that no overlap explains.
func (r *Report) unsure(missed at) []string {
	if r.Found() {
		return nil
	}
	var lost, ended found
	overlapped := map[*Life]bool{}
	for _, i := range r.Incidents {
		overlapped[i.overlap.a] = true
	}
	for _, l := range r.lives {
		for _, f := range l.failures {
			if f.lostCommandFile() {
				lost.add(f.at)
				break
			}
		}
		for _, c := range [...]at{l.forced, l.cancelSent, l.cancelled} {
			if c.known() && !l.finished.known() && !l.completed.known() && !overlapped[l] {
				ended.add(c)
				break
			}
		}
	}
	var why []string
	if lost.n > 0 {
		why = append(why, fmt.Sprintf("%s missed files that another Worker's cleanup deletes (%s)", count(lost.n, "job", "jobs"), lost.first.place()))
	}
	if ended.n > 0 {
		why = append(why, fmt.Sprintf("%s was cancelled and no line tells its end (%s)", count(ended.n, "Worker", "Workers"), ended.first.place()))
	}
	if lost.n == 0 && missed.file != nil {
		why = append(why, fmt.Sprintf("%q stands where no Worker's log is (%s)", missing, missed.place()))
	}
	return why
}

// found are places of which the first is shown.
type found struct {
	n     int
	first at
}

func (f *found) add(a at) {
	if f.n++; f.n == 1 {
		f.first = a
	}
}

// lostCommandFile reports whether what was gone is a file that the runner made for a step, not one of the job's.
func (f failure) lostCommandFile() bool {
	return strings.Contains(f.text, missing) || strings.Contains(f.path, "_runner_file_commands")
}
