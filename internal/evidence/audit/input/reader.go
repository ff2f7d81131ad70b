package input

import (
	"bytes"
	"io"
)

// Line is one line of a log.
type Line struct {
	Text   []byte // without its end, and without what a container's or a journal's reader put before it
	Source string // what that says of where the line is from; lines of several runners may stand mixed
	Begins bool   // a record begins with it
	Record
}

// Reader reads a log line by line.
type Reader struct {
	Outer bool // the lines may have something before them
	Now   Stamp

	cut     *lineReader
	skipped *Skipped
	outer   outer
	when    [19]byte // of the last record, as it stands
}

// NewReader returns a reader that counts what it skips.
func NewReader(skipped *Skipped) *Reader {
	return &Reader{cut: newLineReader(nil), skipped: skipped}
}

// Reset starts on another log. With outer, a container's or a journal's reader may have put something before each line.
func (l *Reader) Reset(in io.Reader, outer bool) {
	l.cut.reset(in)
	*l = Reader{Outer: outer, cut: l.cut, skipped: l.skipped}
}

// Number is the last line's number, from 1.
func (l *Reader) Number() int64 { return l.cut.number }

// Bytes is how many bytes were read, newlines included.
func (l *Reader) Bytes() int64 { return l.cut.bytes }

// Next returns the next line, which is valid until the next call. The error is io.EOF or the log's.
func (l *Reader) Next() (Line, error) {
	text, err := l.cut.next()
	for err == nil && l.Outer && l.outer.entry.take(text) {
		text, err = l.cut.next()
	}
	if err != nil {
		l.skipped.LongLines += l.cut.long
		l.cut.long = 0
		return Line{}, err
	}
	line := Line{Text: text}
	if l.Outer {
		line.Text, line.Source = l.outer.strip(text)
	}
	r, ok := Header(line.Text)
	if !ok {
		r, ok = l.torn(line.Text)
	}
	if ok && string(r.When) != string(l.when[:]) {
		ok = l.clock(r.When)
	}
	line.Begins, line.Record = ok, r
	return line, nil
}

// clock takes the time of a record that differs from that of the one before it.
func (l *Reader) clock(when []byte) bool {
	parsed, ok := parseTime(when)
	if !ok {
		l.skipped.BadHeaders++
		return false
	}
	if parsed < l.Now && !l.Outer {
		l.skipped.Backwards++
	}
	l.Now = parsed
	copy(l.when[:], when)
	return true
}

// torn looks for a record inside a line. Such a line begins with the stump of another record that a second process
// wrote over, or with the zeros that a crash left. Nowhere else: a job may have log lines in its texts.
func (l *Reader) torn(line []byte) (r Record, ok bool) {
	if len(line) == 0 || line[0] != '[' && line[0] != 0 {
		return Record{}, false
	}
	stump := bytes.HasPrefix(line, []byte("[20"))
	if !stump && line[0] == '[' {
		return Record{}, false // a JSON list, say
	}
	if i := bytes.Index(line[1:], []byte("[20")); i >= 0 && i < 300 {
		if r, ok = Header(line[1+i:]); ok {
			if _, ok = parseTime(r.When); ok {
				l.skipped.Torn++
				return r, true
			}
		}
	}
	if stump {
		l.skipped.BadHeaders++
	}
	return Record{}, false
}
