package events

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// BadLine is the error for a line that is no event: broken off by a full disk, or not written by
// [Append].
type BadLine struct {
	Line int // from 1
	Err  error
}

func (b *BadLine) Error() string { return fmt.Sprintf("line %d: %v", b.Line, b.Err) }

func (b *BadLine) Unwrap() error { return b.Err }

// Read yields the events of an events file in the order of its lines. A line that is no event yields
// a *[BadLine] and reading goes on; any other error is the reader's and ends the sequence. No line,
// however long, takes more memory than one of Append's could.
func Read(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := bufio.NewReaderSize(r, 4*maxLine)
		for number := 1; ; number++ {
			line, err := lines.ReadSlice('\n')
			tooLong := errors.Is(err, bufio.ErrBufferFull)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			if err != nil && err != io.EOF {
				yield(Event{}, err)
				return
			}
			end := err == io.EOF
			line = bytes.TrimSpace(line)
			switch {
			case tooLong:
				if !yield(Event{}, &BadLine{number, errors.New("too long for an event")}) {
					return
				}
			case len(line) > 0:
				event, err := parse(line)
				if err != nil {
					err = &BadLine{number, err}
				}
				if !yield(event, err) {
					return
				}
			}
			if end {
				return
			}
		}
	}
}

// lineStart is how each of Append's lines begins.
var lineStart = []byte(`{"time":"`)

// parse reads one line. If a broken line has a whole one after it, that one is read.
func parse(line []byte) (Event, error) {
	event, err := parseWhole(line)
	if err == nil {
		return event, nil
	}
	if i := bytes.LastIndex(line, lineStart); i > 0 {
		if event, err := parseWhole(line[i:]); err == nil {
			return event, nil
		}
	}
	return Event{}, err
}

func parseWhole(line []byte) (Event, error) {
	var event Event
	if err := json.Unmarshal(line, &event); err != nil {
		return Event{}, err
	}
	if event.Time.IsZero() || event.Kind == "" {
		return Event{}, errors.New("has no time or no kind")
	}
	return event, nil
}

// Stages are the timed parts of an event, in order; in JSON an object of microseconds.
type Stages []Stage

// MarshalJSON writes the stages as [Append] does.
func (s Stages) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, stage := range s {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, stage.Name, maxLine)
		b = fmt.Appendf(b, ":%d", stage.Duration.Microseconds())
	}
	return append(b, '}'), nil
}

// UnmarshalJSON keeps the order in which the stages stand.
func (s *Stages) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		if string(bytes.TrimSpace(data)) == "null" {
			return nil
		}
		return errors.New("stages_us is not an object")
	}
	*s = nil
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		var us int64
		if err := d.Decode(&us); err != nil {
			return err
		}
		*s = append(*s, Stage{name.(string), time.Duration(us) * time.Microsecond})
	}
	return nil
}
