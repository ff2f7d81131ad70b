package input

import (
	"bytes"
	"errors"
	"io"
)

const (
	// blockSize is how much is read at a time, in bytes.
	blockSize = 256 << 10
	// maxLineLength is how much of a line is looked at, in bytes. What the audit looks for stands in
	// lines of some hundred.
	maxLineLength = 16 << 10
)

// lineReader cuts a stream into lines without copying them.
type lineReader struct {
	r          io.Reader
	buf        []byte
	start, end int // the part of buf not yet given out
	err        error
	skipping   bool // the rest of a line that was too long comes next

	number int64 // of the line given out last, from 1
	bytes  int64 // given out, newlines included
	long   int64 // lines longer than maxLineLength
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: r, buf: make([]byte, blockSize)}
}

// reset starts on another stream with the same buffer.
func (l *lineReader) reset(r io.Reader) { *l = lineReader{r: r, buf: l.buf} }

// next returns the next line without its end; it is valid until the call after. A last line without
// a newline counts. The error is io.EOF or the reader's.
func (l *lineReader) next() ([]byte, error) {
	for {
		window := l.buf[l.start:l.end]
		if i := bytes.IndexByte(window, '\n'); i >= 0 {
			l.start += i + 1
			l.bytes += int64(i + 1)
			if l.skipping {
				l.skipping = false
				continue
			}
			l.number++
			return l.bound(window[:i]), nil
		}
		switch {
		case l.skipping:
			l.bytes += int64(len(window))
			l.start = l.end
		case len(window) > maxLineLength:
			l.skipping = true
			l.number++
			l.bytes += int64(len(window))
			l.start = l.end
			return l.bound(window), nil
		}
		if l.err != nil {
			if l.start == l.end {
				return nil, l.err
			}
			l.number++
			l.bytes += int64(len(window))
			l.start = l.end
			return l.bound(window), nil
		}
		l.fill()
	}
}

// bound cuts a line to what is looked at and takes a carriage return off its end.
func (l *lineReader) bound(line []byte) []byte {
	if len(line) > maxLineLength {
		l.long++
		return line[:maxLineLength]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

func (l *lineReader) fill() {
	if l.start > 0 {
		l.end = copy(l.buf, l.buf[l.start:l.end])
		l.start = 0
	}
	for range 100 {
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		l.err = err
		if n > 0 || err != nil {
			return
		}
	}
	l.err = errors.New("read nothing, again and again")
}
