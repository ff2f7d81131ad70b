package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// machine takes the records of one log.
type machine interface {
	// record takes a record's first line, without its header, and the record's time and place.
	record(message []byte, now at)
	// gone takes a line that says a file under _temp is missing.
	gone(line []byte, now at)
}

// divider is a machine that finds out which log a record is of.
type divider interface {
	machine
	// from tells the trace source of the record that comes next.
	from(source []byte)
	// loose takes a line without a header and reports whether it belongs to the record before it.
	loose(line []byte) bool
}

// logReader feeds machines.
type logReader struct {
	lines   *lineReader
	skipped *Skipped
	lineN   int64
	records int64
	missed  at // the first line that says a file is missing in the words of issue 4357, in whatever log
}

// read feeds one log to m and returns where its last record stands. The error is the reader's; what
// was read before it counts.
func (l *logReader) read(r io.Reader, s *source, m machine) (at, error) {
	l.lines.reset(r)
	var when [19]byte // of the record being read, as it stands …
	var now stamp     // … and as it is meant
	current := func() at { return at{now, evidence{s, l.lines.number}} }
	records := int64(0)
	divide, _ := m.(divider)
	for {
		line, err := l.lines.next()
		if err != nil {
			s.bytes, l.lineN, l.records = l.lines.bytes, l.lineN+l.lines.number, l.records+records
			l.skipped.LongLines += l.lines.cut
			if err == io.EOF {
				err = nil
			}
			return current(), err
		}
		t, source, message, ok := header(line)
		if !ok {
			t, source, message, ok = l.torn(line)
		}
		if ok && string(t) != string(when[:]) {
			parsed, valid := parseTime(t)
			switch {
			case !valid:
				l.skipped.BadHeaders++
				ok = false
			default:
				if parsed < now && divide == nil {
					l.skipped.Backwards++
				}
				now = parsed
				copy(when[:], t)
			}
		}
		within := records > 0 // a record
		switch {
		case ok:
			if within = true; divide != nil {
				divide.from(source)
			}
			records++
			m.record(message, current())
		case divide != nil:
			within = divide.loose(line)
		}
		if !within && len(line) > 0 {
			l.skipped.Headless++
		}
		if l.lines.notText(line) {
			l.skipped.NotText++
		}
		if saysGone(line) {
			if l.missed.file == nil && bytes.Contains(line, []byte(missing)) {
				l.missed = current()
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
func (l *logReader) torn(line []byte) (when, source, message []byte, ok bool) {
	if len(line) == 0 || line[0] != '[' && line[0] != 0 {
		return nil, nil, nil, false
	}
	stump := bytes.HasPrefix(line, []byte("[20"))
	if !stump && line[0] == '[' {
		return nil, nil, nil, false // a JSON list, say
	}
	if i := bytes.Index(line[1:], []byte("[20")); i >= 0 && i < 300 {
		if when, source, message, ok = header(line[1+i:]); ok {
			if _, ok = parseTime(when); ok {
				l.skipped.Torn++
				return when, source, message, true
			}
		}
	}
	if stump {
		l.skipped.BadHeaders++
	}
	return nil, nil, nil, false
}

// readGroup reads one runner's logs.
func (l *logReader) readGroup(g *group, add func(*Life)) {
	listener := &listenerLog{group: g, add: add}
	for _, s := range g.sources {
		if s.kind == eventsFile {
			continue
		}
		if err := l.readFile(g, s, listener, add); err != nil {
			l.skipped.file(s.path, err)
		}
	}
	listener.newListener()
}

func (l *logReader) readFile(g *group, s *source, listener *listenerLog, add func(*Life)) (err error) {
	r, closer, err := openLog(s.path)
	if err != nil {
		return err
	}
	defer closer.Close()
	if s.kind == unknownLog {
		if r, err = l.sniff(r, s); err != nil || s.kind == eventsFile {
			return err
		}
	}
	if s.started == 0 {
		p := newPasted(g, s, listener, add)
		_, err = l.read(r, s, p)
		p.end()
		return err
	}
	if s.kind == runnerLog {
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

func (listenerOnly) gone([]byte, at) {}

// sniff finds out what a file with a foreign name is.
func (l *logReader) sniff(r io.Reader, s *source) (io.Reader, error) {
	head := make([]byte, 256<<10)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte(`{"time":"`)):
		s.kind = eventsFile
	case bytes.Contains(head, []byte(" JobDispatcher] ")), bytes.Contains(head, []byte("MessageListener] ")), bytes.Contains(head, []byte(" Listener] ")):
		s.kind = runnerLog
	case bytes.Contains(head, []byte(" Worker] ")), bytes.Contains(head, []byte(" JobRunner] ")), bytes.Contains(head, []byte(" TempDirectoryManager] ")):
		s.kind = workerLogFile
	default:
		return nil, fmt.Errorf("is no log of a Runner.Listener, a Runner.Worker or worker-wrap")
	}
	return io.MultiReader(bytes.NewReader(head), r), nil
}
