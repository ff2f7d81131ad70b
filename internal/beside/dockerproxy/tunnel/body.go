package tunnel

import "errors"

// scanner finds the end of a body in a stream.
type scanner interface {
	// scan takes the next bytes of the stream and says how many of them belong to the body, and whether
	// it ends with them.
	scan(p []byte) (n int, done bool, err error)
}

// scanner returns what finds the end of a body in this framing.
func (f framing) scanner() scanner {
	if f.chunked {
		return &chunked{}
	}
	n := fixed(max(f.length, 0))
	return &n
}

// empty reports whether there is no body.
func (f framing) empty() bool { return !f.chunked && f.length <= 0 }

// fixed is a body of so many more bytes.
type fixed int64

func (f *fixed) scan(p []byte) (int, bool, error) {
	n := int(min(int64(*f), int64(len(p))))
	*f -= fixed(n)
	return n, *f == 0, nil
}

// endless is a body that ends with its connection.
type endless struct{}

func (endless) scan(p []byte) (int, bool, error) { return len(p), false, nil }

var errChunk = errors.New("not a chunked body")

// chunked is a body in chunks (RFC 9112, section 7.1), with its trailers.
type chunked struct {
	state chunkState
	left  int64   // of the chunk's data
	size  int64   // read so far
	digit bool    // the size has one
	line  int     // bytes in the line so far: of a trailer, without its end
	data  *[]byte // where to put the data of the chunks, or nil
}

type chunkState int

const (
	inSize chunkState = iota
	inExtension
	inData
	inDataEnd
	inTrailer
)

func (c *chunked) scan(p []byte) (int, bool, error) {
	for i := 0; i < len(p); {
		if c.state == inData {
			n := int(min(c.left, int64(len(p)-i)))
			if c.data != nil {
				*c.data = append(*c.data, p[i:i+n]...)
			}
			i += n
			if c.left -= int64(n); c.left == 0 {
				c.state = inDataEnd
			}
			continue
		}
		done, err := c.step(p[i])
		i++
		if err != nil || done {
			return i, done, err
		}
	}
	return len(p), false, nil
}

// step takes one byte that is no data.
func (c *chunked) step(b byte) (done bool, err error) {
	switch c.state {
	case inSize:
		v, isDigit := hexadecimal(b)
		switch {
		case isDigit && c.size < 1<<58:
			c.size, c.digit = c.size<<4|v, true
		case isDigit || !c.digit:
			return false, errChunk
		case b == '\n':
			c.endSize()
		case b == ';' || b == ' ' || b == '\t' || b == '\r':
			c.state = inExtension
		default:
			return false, errChunk
		}
	case inExtension:
		if b == '\n' {
			c.endSize()
		}
	case inDataEnd:
		switch b {
		case '\n':
			c.state = inSize
		case '\r':
		default:
			return false, errChunk
		}
	case inTrailer:
		switch b {
		case '\n':
			done, c.line = c.line == 0, 0
		case '\r':
		default:
			c.line++
		}
	}
	return done, nil
}

func (c *chunked) endSize() {
	c.left, c.size, c.digit = c.size, 0, false
	c.state = inData
	if c.left == 0 {
		c.state = inTrailer
	}
}

func hexadecimal(b byte) (int64, bool) {
	switch {
	case '0' <= b && b <= '9':
		return int64(b - '0'), true
	case 'a' <= b && b <= 'f':
		return int64(b-'a') + 10, true
	case 'A' <= b && b <= 'F':
		return int64(b-'A') + 10, true
	}
	return 0, false
}
