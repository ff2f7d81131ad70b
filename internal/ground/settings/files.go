// Package settings knows the files that hold settings of starts outside the Listener's environment.
//
// They are read at each start, so no Listener has to be restarted for a change. A file has lines NAME=VALUE like a
// runner's .env; blank lines and those that begin with # count for nothing.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

const (
	// MachineFile is root's, for every runner of the machine.
	MachineFile = "/etc/worker-wrap/settings"
	// RunnerFile is one runner's, in its root.
	RunnerFile = ".worker-wrap.env"
	// MaxSize bounds each file, in bytes.
	MaxSize = 4096
)

// In returns the lines of both files for the runner in root, its own first: of several for a name the first counts, as
// in an environment, and whatever the environment says comes before both. A file that is not there has none. The error
// names a file that cannot be read, or is longer than [MaxSize].
func In(root string) (lines []string, err error) {
	for _, path := range [...]string{filepath.Join(root, RunnerFile), MachineFile} {
		there, err := Lines(path)
		if err != nil {
			return nil, err
		}
		lines = append(lines, there...)
	}
	return lines, nil
}

// Lines returns the settings of one file.
func Lines(path string) (lines []string, err error) {
	data, err := untrusted.Head(path, MaxSize+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, closed(path)
	case err != nil:
		return nil, err
	case len(data) > MaxSize:
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("longer than 4096 bytes; remove lines that are not settings")}
	}
	for line := range strings.Lines(string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// ClosedError says that a file may not be read by whoever tries. No start goes on without it: what a person has set there
// would not hold, and nobody would know.
type ClosedError struct {
	Path string
	At   string // whose mode forbids it: the file's, or a folder's on the way
}

func (e *ClosedError) Error() string {
	return fmt.Sprintf("%s may not be read, as the mode of %s has it: %s", e.Path, e.At, e.Mend())
}

// Unwrap makes it an [fs.ErrPermission].
func (e *ClosedError) Unwrap() error { return fs.ErrPermission }

// Mend is the command that lets everybody read it.
func (e *ClosedError) Mend() string {
	if e.At != e.Path {
		return "sudo chmod a+x " + visible.Word(e.At)
	}
	return "sudo chmod a+r " + visible.Word(e.Path)
}

func closed(path string) error {
	e := &ClosedError{path, path}
	for at := path; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(at); errors.Is(err, fs.ErrPermission) {
			e.At = filepath.Dir(at)
		}
	}
	return e
}
