package choose

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Logs returns where the logs of the runner around the working directory lie, else logs in that directory. If there is
// neither, it returns every runner of the machine, and the folders of their logs.
func Logs() ([]string, Runners, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, Runners{}, err
	}
	layout, err := runner.FindUp(dir)
	if err == nil {
		return []string{layout.Diag()}, Runners{}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, Runners{}, err
	}
	// Logs are often looked at far from their runner.
	if logs, _ := filepath.Glob(filepath.Join(dir, "*_*-utc.log*")); len(logs) > 0 {
		return []string{dir}, Runners{}, nil
	}
	all := Every(false)
	var paths []string
	for _, l := range all.Layouts {
		paths = append(paths, l.Diag())
	}
	if len(paths) == 0 {
		return nil, all, fmt.Errorf("%w, and no runner elsewhere on this machine; name a _diag folder or log files", err)
	}
	return paths, all, nil
}
