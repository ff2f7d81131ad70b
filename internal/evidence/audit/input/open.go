package input

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// The magic numbers of compressed files.
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// Pipe reports whether a path stands for a descriptor that the caller has open already: standard input, or what a
// shell's <(command) gives. Such a path is read as it is, once.
func Pipe(path string) bool {
	return path == Stdin || path == "/dev/stdin" || strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/")
}

// Open opens a log for reading: gzip and zstd by their magic numbers, anything else as it is.
func Open(path string) (io.ReadCloser, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	r, err := decoded(f)
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return r, nil
}

func open(path string) (*os.File, error) {
	switch {
	case path == Stdin:
		return os.Stdin, nil
	case Pipe(path):
		return os.Open(path)
	}
	return untrusted.Open(path)
}

// opened is a log's text, and what has to be closed behind it.
type opened struct {
	io.Reader
	close func() error
}

func (o opened) Close() error { return o.close() }

// decoded undoes compression and leaves a byte order mark out.
func decoded(f *os.File) (io.ReadCloser, error) {
	first, r, err := Peek(f, len(zstdMagic))
	if err != nil {
		return nil, err
	}
	out := opened{r, f.Close}
	switch {
	case bytes.HasPrefix(first, []byte(gzipMagic)):
		if out.Reader, err = gzip.NewReader(bufio.NewReaderSize(r, 64<<10)); err != nil {
			return nil, err
		}
	case string(first) == zstdMagic:
		if out, err = zstd(f, r); err != nil {
			return nil, err
		}
	}
	if first, out.Reader, err = Peek(out.Reader, len(mark)); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	if string(first) == mark {
		_, err = io.ReadFull(out.Reader, first)
	}
	return out, err
}

// mark is the byte order mark of UTF-8.
const mark = "\ufeff"

// zstd has the zstd command undo the compression: a library for it would be a good part of this program.
func zstd(f *os.File, r io.Reader) (opened, error) {
	path, err := exec.LookPath("zstd")
	if err != nil {
		return opened{}, errors.New("is compressed with zstd, and there is no zstd command here; install zstd, or give the text: zstd -dc FILE | worker-wrap audit -")
	}
	var said bytes.Buffer
	cmd := exec.Command(path, "-dc")
	cmd.Stdin, cmd.Stderr = r, &said
	cmd.WaitDelay = time.Second // for more of a pipe that nobody needs once the command has ended
	text, err := cmd.StdoutPipe()
	if err != nil {
		return opened{}, err
	}
	if err := cmd.Start(); err != nil {
		return opened{}, err
	}
	return opened{&untilEnd{text, cmd, &said}, func() error {
		text.Close()
		_ = cmd.Process.Kill() // it has ended, or nobody reads on
		_ = cmd.Wait()
		return f.Close()
	}}, nil
}

// untilEnd is what a command prints, and at its end whether it went well.
type untilEnd struct {
	io.Reader
	cmd  *exec.Cmd
	said *bytes.Buffer
}

func (u *untilEnd) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err == io.EOF && u.cmd.ProcessState == nil {
		if werr := u.cmd.Wait(); werr != nil {
			line, _, _ := strings.Cut(u.said.String(), "\n")
			err = fmt.Errorf("%w: %s", werr, Text([]byte(line), MaxText))
		}
	}
	return n, err
}

// Peek returns up to n first bytes of r, and a reader that still has them. Fewer are no error if r ends there.
func Peek(r io.Reader, n int) ([]byte, io.Reader, error) {
	first := make([]byte, 0, n)
	for len(first) < n {
		got, err := r.Read(first[len(first):n])
		first = first[:len(first)+got]
		if err == io.EOF {
			return first, bytes.NewReader(first), nil
		}
		if err != nil { // a compressed file that is cut short too: gzip has an error of its own for that
			return nil, nil, err
		}
	}
	return first, io.MultiReader(bytes.NewReader(bytes.Clone(first)), r), nil
}
