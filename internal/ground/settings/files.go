// Package settings knows the files that hold settings of starts outside the Listener's environment.
//
// They are read at each start, so no Listener has to be restarted for a change. A file has lines NAME=VALUE like a
// runner's .env; blank lines and those that begin with # count for nothing.
package settings

import (
	"bytes"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
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
