package logs

import (
	"bytes"
	"errors"
	"io"
)

// machine takes the records of one log.
type machine interface {
	// record takes a record's first line, and the record's time and place.
	record(r record, now At)
	// gone takes a line that says a file under _temp is missing.
	gone(line []byte, now At)
}

// Reader feeds machines.
type Reader struct {
	lines     *lineReader
	skipped   *Skipped
	LineCount int64
	Records   int64
	Missed    At // the first line that says a file is missing in the words of issue 4357, in whatever log
}

// NewReader returns a reader that counts what it skips.
func NewReader(skipped *Skipped) *Reader {
	return &Reader{lines: newLineReader(nil), skipped: skipped}
}

// read feeds one log to m and returns where its last record stands. The error is the reader's; what
// was read before it counts.
func (l *Reader) read(in io.Reader, s *Source, m machine) (At, error) {
	l.lines.reset(in)
	var when [19]byte // of the record being read, as it stands …
	var now Stamp     // … and as it is meant
	current := func() At { return At{now, Evidence{s, l.lines.number}} }
	records := int64(0)
	within := false // a record
	several, _ := m.(*joined)
	for {
		line, err := l.lines.next()
		if err != nil {
			s.Bytes, l.LineCount, l.Records = l.lines.bytes, l.LineCount+l.lines.number, l.Records+records
			l.skipped.LongLines += l.lines.cut
			if err == io.EOF {
				err = nil
			}
			return current(), err
		}
		r, ok := header(line)
		if !ok {
			r, ok = l.torn(line)
		}
		if ok && string(r.when) != string(when[:]) {
			parsed, valid := parseTime(r.when)
			switch {
			case !valid:
				l.skipped.BadHeaders++
				ok = false
			default:
				if parsed < now && several == nil {
					l.skipped.Backwards++
				}
				now = parsed
				copy(when[:], r.when)
			}
		}
		switch {
		case ok:
			within = true
			records++
			m.record(r, current())
		case several != nil && several.heading(line):
			within = false
			continue
		}
		if !within && len(line) > 0 {
			l.skipped.Headless++
		}
		if saysGone(line) {
			if l.Missed.File == nil && bytes.Contains(line, []byte(Missing)) {
				l.Missed = current()
			}
			if within {
				m.gone(line, current())
			}
		}
	}
}

// torn looks for a record in a line that does not begin with one, but with the stump of another that
// a second process wrote over, or with the zeros that a crash left. Nowhere else: a job may have log
// lines in its texts.
func (l *Reader) torn(line []byte) (r record, ok bool) {
	if len(line) == 0 || line[0] != '[' && line[0] != 0 {
		return record{}, false
	}
	stump := bytes.HasPrefix(line, []byte("[20"))
	if !stump && line[0] == '[' {
		return record{}, false // a JSON list, say
	}
	if i := bytes.Index(line[1:], []byte("[20")); i >= 0 && i < 300 {
		if r, ok = header(line[1+i:]); ok {
			if _, ok = parseTime(r.when); ok {
				l.skipped.Torn++
				return r, true
			}
		}
	}
	if stump {
		l.skipped.BadHeaders++
	}
	return record{}, false
}

// eventStart is how each line of an events file begins.
const eventStart = `{"time":"`

// ReadGroup reads one runner's logs.
func (l *Reader) ReadGroup(g *Group, add func(*Life)) {
	listener := &listenerLog{group: g, add: add}
	for _, s := range g.Sources {
		if s.Kind == EventsFile {
			continue
		}
		if err := l.readFile(g, s, listener, add); err != nil {
			l.skipped.File(s.Path, err)
		}
	}
	listener.newListener()
}

func (l *Reader) readFile(g *Group, s *Source, listener *listenerLog, add func(*Life)) (err error) {
	r, closer, err := Open(s.Path)
	if err != nil {
		return err
	}
	defer closer.Close()
	if s.Kind == unknownLog {
		var head []byte
		if head, r, err = peek(r, len(eventStart)); err != nil {
			return err
		}
		if string(head) == eventStart {
			s.Kind = EventsFile
			return nil
		}
	}
	if s.started == 0 {
		j := &joined{group: g, file: s, listener: listener, add: add, kind: s.Kind}
		_, err = l.read(r, s, j)
		j.end()
		l.skipped.Shared += j.shared
		if err == nil && j.kind == unknownLog {
			err = errors.New("is no log of a Runner.Listener, a Runner.Worker or worker-wrap")
		}
		return err
	}
	if s.Kind == runnerLog {
		_, err = l.read(r, s, listenerOnly{listener})
		return err
	}
	w := newWorkerLog(g, s, s.started, add)
	last, err := l.read(r, s, w)
	w.close(last)
	l.skipped.Shared += w.interleave
	return err
}

// listenerOnly is a Listener's log; whose files it says are missing is not known.
type listenerOnly struct{ *listenerLog }

func (listenerOnly) gone([]byte, At) {}
