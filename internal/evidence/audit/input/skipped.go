package input

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Skipped counts what could not be read, or only in part.
type Skipped struct {
	Files      []SkippedFile `json:"files,omitempty"`       // at most 50 of them
	MoreFiles  int           `json:"moreFiles,omitempty"`   // beyond those
	LongLines  int64         `json:"longLines,omitempty"`   // over 16 KiB: only the first 16 KiB were looked at
	Torn       int64         `json:"torn,omitempty"`        // a record that breaks off, with another in its line
	BadHeaders int64         `json:"badHeaders,omitempty"`  // begin like a record but are not one
	Headless   int64         `json:"headless,omitempty"`    // lines outside any record
	Backwards  int64         `json:"backwards,omitempty"`   // records earlier than the one before them
	BadEvents  int64         `json:"badEvents,omitempty"`   // lines of an events file that are not events
	Lives      int64         `json:"lives,omitempty"`       // Workers beyond the number that is kept
	Shared     int           `json:"sharedFiles,omitempty"` // Workers whose log is mixed into another's file
}

// SkippedFile is a file that was not read to its end.
type SkippedFile struct {
	Path string `json:"path"`
	Why  string `json:"why"`
}

// File counts a file that was not read to its end.
func (s *Skipped) File(path string, err error) {
	if len(s.Files) == 50 {
		s.MoreFiles++
		return
	}
	var in *fs.PathError
	if errors.As(err, &in) && in.Path == path {
		err = in.Err
	}
	why := strings.TrimPrefix(err.Error(), path+": ")
	s.Files = append(s.Files, SkippedFile{Text([]byte(path), MaxText), Text([]byte(why), MaxText)})
}

// Any reports whether something was skipped.
func (s *Skipped) Any() bool {
	return len(s.Files) > 0 || s.LongLines+s.Torn+s.BadHeaders+s.Headless+s.Backwards+s.BadEvents+s.Lives > 0 || s.Shared > 0
}

// Lines lists the skipped parts, in words.
func (s *Skipped) Lines() []string {
	var lines []string
	for _, f := range s.Files {
		lines = append(lines, f.Path+": "+f.Why)
	}
	add := func(n int64, one, many string) {
		if n == 1 {
			many = one
		}
		if n > 0 {
			lines = append(lines, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(int64(s.MoreFiles), "more file", "more files")
	add(s.LongLines, "line beyond its first 16 KiB", "lines beyond their first 16 KiB")
	add(s.Torn, "record that breaks off inside a line", "records that break off inside a line")
	add(s.BadHeaders, "line that begins like a record but is not one", "lines that begin like a record but are not one")
	add(s.Headless, "line outside any record", "lines outside any record")
	add(s.Backwards, "record older than the one before it", "records older than the one before them")
	add(s.BadEvents, "line of an events file that is not an event", "lines of an events file that are not events")
	add(int64(s.Shared), "Worker whose log is mixed into another's file", "Workers whose log is mixed into another's file")
	add(s.Lives, "Worker beyond the first 200,000", "Workers beyond the first 200,000")
	return lines
}
