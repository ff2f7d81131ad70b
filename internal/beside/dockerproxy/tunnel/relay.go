package tunnel

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
)

// relay passes on head, if any, and what s says is the body, as it comes.
func relay(to io.Writer, head []byte, from *bufio.Reader, s scanner) error {
	if len(head) > 0 && from.Buffered() == 0 {
		if _, err := to.Write(head); err != nil {
			return err
		}
		head = nil
	}
	for {
		if _, err := from.Peek(1); err != nil {
			return err
		}
		p, _ := from.Peek(from.Buffered())
		n, done, err := s.scan(p)
		if err != nil {
			return err
		}
		out := p[:n]
		if len(head) > 0 { // in one write, as they came in one read
			out, head = append(head, out...), nil
		}
		if _, err := to.Write(out); err != nil {
			return err
		}
		_, _ = from.Discard(n) // n is buffered
		if done {
			return nil
		}
	}
}

// blindly passes on head and everything behind it until the end.
func blindly(to io.Writer, head []byte, from *bufio.Reader) error {
	err := relay(to, head, from, endless{})
	if err == io.EOF {
		return nil
	}
	return err
}

// errLong says that a body is longer than the caller is ready to hold.
var errLong = errors.New("the body is too long")

// whole is a body that was read to its end.
type whole struct {
	raw  []byte // as it came
	data []byte // what it says
	tail []byte // of a chunked one: the trailers and the empty line behind the last chunk
}

// read reads a whole body of at most limit bytes. With an error, raw holds what was read, and s is the
// scanner for what follows.
func read(from *bufio.Reader, f framing, limit int) (w whole, s scanner, err error) {
	s = f.scanner()
	chunks, _ := s.(*chunked)
	switch {
	case chunks != nil:
		chunks.data = &w.data
	case f.length > int64(limit):
		return w, s, errLong
	case f.length <= 0:
		return w, s, nil
	}
	w.raw = room(int(max(f.length, 0)))
	tail := -1 // where the trailers start
	for done := false; !done; {
		if _, err := from.Peek(1); err != nil {
			return w, s, err
		}
		p, _ := from.Peek(from.Buffered())
		if chunks != nil && chunks.state != inData {
			p = p[:1] // byte by byte, to see where the trailers start
		} else if chunks != nil {
			p = p[:min(int64(len(p)), chunks.left)]
		}
		n := 0
		if n, done, err = s.scan(p); err != nil {
			return w, s, err
		}
		w.raw = append(w.raw, p[:n]...)
		_, _ = from.Discard(n) // n is buffered
		if chunks != nil && chunks.state == inTrailer && tail < 0 {
			tail = len(w.raw)
		}
		if len(w.raw) > limit && !done {
			if chunks != nil {
				chunks.data = nil
			}
			return w, s, errLong
		}
	}
	if chunks == nil {
		w.data = w.raw
	} else {
		w.tail = w.raw[tail:]
	}
	return w, s, nil
}

// message returns the message with another body in the same framing, or as it came if data is the body that it came
// with.
func (w *whole) message(h *head, f framing, data []byte) []byte {
	if bytes.Equal(data, w.data) {
		return append(h.raw, w.raw...)
	}
	if !f.chunked {
		return append(h.replace("Content-Length", strconv.Itoa(len(data)), len(data)), data...)
	}
	out := h.raw
	if len(data) > 0 {
		out = append(strconv.AppendInt(out, int64(len(data)), 16), "\r\n"...)
		out = append(append(out, data...), "\r\n"...)
	}
	return append(append(out, "0\r\n"...), w.tail...)
}
