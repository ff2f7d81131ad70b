package audit

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// openLog opens a log for reading: gzip by its magic number, UTF-16 by its byte order mark, anything
// else as it is.
func openLog(path string) (io.Reader, io.Closer, error) {
	f, err := untrusted.Open(path)
	if err != nil {
		return nil, nil, err
	}
	r, err := decoded(f)
	if err != nil {
		f.Close()
		return nil, nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return r, f, nil
}

// decoded undoes compression and encoding, as the first bytes tell them.
func decoded(r io.Reader) (io.Reader, error) {
	first, r, err := peek(r, 3)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(first, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bufio.NewReaderSize(r, 64<<10))
		if err != nil {
			return nil, err
		}
		if first, r, err = peek(z, 3); err != nil {
			return nil, err
		}
	}
	switch {
	case bytes.HasPrefix(first, []byte{0xff, 0xfe}):
		return &utf16Reader{r: r}, nil
	case bytes.HasPrefix(first, []byte{0xfe, 0xff}):
		return &utf16Reader{r: r, big: true}, nil
	case bytes.HasPrefix(first, []byte{0xef, 0xbb, 0xbf}):
		_, err := io.ReadFull(r, first)
		return r, err
	}
	return r, nil
}

// peek returns up to n first bytes of r, and a reader that still has them.
func peek(r io.Reader, n int) ([]byte, io.Reader, error) {
	first := make([]byte, n)
	got, err := io.ReadFull(r, first)
	if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && got < n {
		return first[:got], bytes.NewReader(first[:got]), nil
	}
	if err != nil {
		return nil, nil, err
	}
	return first, io.MultiReader(bytes.NewReader(bytes.Clone(first)), r), nil
}

// utf16Reader turns UTF-16, as a Windows shell's redirection writes it, into UTF-8.
type utf16Reader struct {
	r    io.Reader
	big  bool
	in   [8 << 10]byte
	left int    // bytes of in that the last Read could not use
	all  []byte // decoded by the last read
	out  []byte // the part of all not yet given out
	err  error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		var n int
		n, u.err = u.r.Read(u.in[u.left:])
		n += u.left
		u.all = u.all[:0]
		i := 0
		for ; i+1 < n; i += 2 {
			r := rune(u.unit(i))
			if utf16.IsSurrogate(r) {
				if i+3 >= n && u.err == nil {
					break
				}
				if i+3 < n {
					if pair := utf16.DecodeRune(r, rune(u.unit(i+2))); pair != utf8.RuneError {
						r, i = pair, i+2
					}
				}
			}
			if r != 0xfeff {
				u.all = utf8.AppendRune(u.all, r)
			}
		}
		u.out = u.all
		u.left = copy(u.in[:], u.in[i:n])
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) unit(i int) uint16 {
	if u.big {
		return uint16(u.in[i])<<8 | uint16(u.in[i+1])
	}
	return uint16(u.in[i+1])<<8 | uint16(u.in[i])
}
