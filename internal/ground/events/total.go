package events

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Total is the kind of the event that carries on what a full file told: its Time is the oldest event's, Count how many
// starts were [Event.Harmless], in all files so far. It stands in the file that is begun when one is full, so that what
// the files tell is complete though only two are kept.
const Total Kind = "total"

// Tally is what all events of a runner come to.
type Tally struct {
	Harmless int
	Since    Event // the oldest, or the Total that carries it on
}

// Add counts an event. With older false the file before this one was not read, so its Total counts.
func (t *Tally) Add(e Event, older bool) {
	if e.Kind == Total && older {
		return
	}
	if t.Since.Time.IsZero() || e.Kind == Total && e.Time.Before(t.Since.Time) {
		t.Since = e
	}
	switch {
	case e.Kind == Total:
		t.Harmless += e.Count
	case e.Harmless():
		t.Harmless++
	}
}

// carryOn appends the Total of the file that has just been renamed to the new one, both in the folder dir.
func carryOn(dir int) error {
	fd, err := open(dir, RotatedName, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	old := os.NewFile(uintptr(fd), RotatedName)
	defer old.Close()
	var t Tally
	for e, err := range Read(old) {
		if err == nil {
			t.Add(e, false)
		}
	}
	if t.Since.Time.IsZero() {
		return nil
	}
	file, err := openEvents(dir, true)
	if err != nil {
		return err
	}
	defer unix.Close(file)
	return write(file, AppendLine(nil, &Event{Time: t.Since.Time, Kind: Total, PID: os.Getpid(), Count: t.Harmless}))
}

// Files are the paths of a runner's events files in diag, the older one first.
func Files(diag string) [2]string {
	return [2]string{filepath.Join(diag, RotatedName), filepath.Join(diag, FileName)}
}
