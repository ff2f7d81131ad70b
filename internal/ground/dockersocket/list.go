package dockersocket

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// ListPath is a file in which root names further sockets of Docker or Podman daemons: an absolute path a line. What
// comes after a # at a line's beginning is a comment.
const ListPath = "/etc/worker-wrap/docker-sockets"

// List returns the paths that root has named. A file that others than root could have written counts for nothing, and
// a line that is not an absolute path neither; the error says so. No file is no error.
func List() ([]string, error) {
	data, err := untrusted.RootsHead(ListPath, 64<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s counts for nothing: %w", ListPath, err)
	}
	return parseList(string(data))
}

func parseList(text string) (paths []string, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case filepath.IsAbs(line):
			paths = append(paths, line)
		case err == nil:
			err = fmt.Errorf("%s, line %d: %.80q is not an absolute path", ListPath, number, line)
		}
	}
	return paths, err
}
