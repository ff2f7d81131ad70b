package logs

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Open opens a log for reading: gzip by its magic number, anything else as it is.
func Open(path string) (io.Reader, io.Closer, error) {
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

// decoded undoes compression and leaves a byte order mark out.
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
	if bytes.HasPrefix(first, []byte("\ufeff")) {
		_, err = io.ReadFull(r, first)
	}
	return r, err
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
