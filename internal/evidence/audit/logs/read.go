package logs

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// machine takes the records of one log.
type machine interface {
	// record takes a record's first line, and the record's time and place.
	record(r input.Record, now input.At)
	// gone takes a line that says a file under _temp is missing, or one in _diag is there.
	gone(line []byte, now input.At)
}

// Reader reads logs.
type Reader struct {
	in        *input.Reader
	skipped   *input.Skipped
	LineCount int64
	Records   int64
	Missed    input.At // the first line that says a file is missing in the words of issue 4357, in whatever log
}

// NewReader returns a reader that counts what it skips.
func NewReader(skipped *input.Skipped) *Reader {
	return &Reader{in: input.NewReader(skipped), skipped: skipped}
}

// read feeds one log to m. The error is the log's; what was read before it counts.
func (l *Reader) read(in io.Reader, s *input.Source, m machine) error {
	several, _ := m.(*several)
	l.in.Reset(in, several != nil)
	within := false // a record
	for {
		line, err := l.in.Next()
		if err != nil {
			s.Bytes, l.LineCount = l.in.Bytes(), l.LineCount+l.in.Number()
			if err == io.EOF {
				err = nil
			}
			return err
		}
		now := input.At{When: l.in.Now, Evidence: input.Evidence{File: s, Line: l.in.Number()}}
		if several != nil && several.outside(line) {
			within = false
			continue
		}
		if line.Begins {
			within = true
			l.Records++
			m.record(line.Record, now)
		} else if !within && len(line.Text) > 0 && several == nil {
			l.skipped.Headless++
		}
		if saysGone(line.Text) {
			if l.Missed.File == nil && bytes.Contains(line.Text, []byte(Missing)) {
				l.Missed = now
			}
			if within {
				m.gone(line.Text, now)
			}
		} else if within && saysExists(line.Text) {
			m.gone(line.Text, now)
		}
	}
}

// eventStart is how each line of an events file begins.
const eventStart = `{"time":"`

// ReadGroup reads one runner's logs.
func (l *Reader) ReadGroup(g *input.Group, add func(*Life)) {
	listener := &listenerLog{group: g, add: add}
	for _, s := range g.Sources {
		if s.Kind == input.EventsFile {
			continue
		}
		if err := l.readFile(g, s, listener, add); err != nil {
			l.skipped.File(s.Path, err)
		}
	}
	listener.newListener()
}

func (l *Reader) readFile(g *input.Group, s *input.Source, listener *listenerLog, add func(*Life)) (err error) {
	opened, err := input.Open(s.Path)
	if err != nil {
		return err
	}
	defer opened.Close()
	r := io.Reader(opened)
	if s.Kind == input.UnknownLog && !input.Pipe(s.Path) { // what comes by a pipe could not be read again as events
		var head []byte
		if head, r, err = input.Peek(r, len(eventStart)); err != nil {
			return err
		}
		if string(head) == eventStart {
			s.Kind = input.EventsFile
			return nil
		}
	}
	switch {
	case s.Started == 0:
		all := newSeveral(g, s, listener, add)
		err = l.read(r, s, all)
		all.end()
		if err == nil && !all.found {
			err = errors.New("is not a log of a Runner.Listener, a Runner.Worker or worker-wrap")
		}
	case s.Kind == input.RunnerLog:
		err = l.read(r, s, listenerOnly{listener})
	default:
		w := &workers{group: g, from: s, add: add}
		w.begin(input.At{When: s.Started, Evidence: input.Evidence{File: s}})
		err = l.read(r, s, w)
		l.skipped.Shared += w.end()
	}
	return err
}

// listenerOnly is a Listener's log; whose files it says are missing is not known.
type listenerOnly struct{ *listenerLog }

func (listenerOnly) gone([]byte, input.At) {}

// isVersion reports whether a record is the one in which a program says its version, which each log has once.
func isVersion(r input.Record, program string) bool {
	return string(r.Trace) == program && strings.HasPrefix(string(r.Message[:min(len(r.Message), 9)]), "Version: ")
}
