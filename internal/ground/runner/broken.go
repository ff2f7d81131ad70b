package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ConfigError says why the runner in Root has no layout: its .runner is missing, cannot be read, or makes no sense.
type ConfigError struct {
	Root string
	Err  error
}

func (e *ConfigError) Error() string { return e.Err.Error() }

func (e *ConfigError) Unwrap() error { return e.Err }

// Missing reports whether an error of [FromRoot] says that there is no .runner.
func Missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Advise adds to an error of [FromRoot] what to do about it, if the error does not say so itself.
func Advise(err error) error {
	switch {
	case !errors.As(err, new(*ConfigError)):
		return err
	case Missing(err):
		return fmt.Errorf("%w: that is not a configured runner; give the folder that config.sh was run in", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: only the runner's user and root can tell; use sudo", err)
	}
	return err
}

// Unconfigured returns config.sh's default layout for a root, an absolute path, without a usable .runner.
func Unconfigured(root string) Layout {
	work := filepath.Join(root, "_work")
	return Layout{Root: root, Work: work, Temp: filepath.Join(work, "_temp"), Guessed: true}
}

// HasWorker reports whether a bin folder in root has a Worker, or what an install has put in its place: without a
// .runner that is what tells a runner.
func HasWorker(root string) bool {
	entries, err := os.ReadDir(root)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.Name() != "bin" && !strings.HasPrefix(e.Name(), "bin.") {
			continue
		}
		for _, name := range [...]string{WorkerName, KeptWorkerName, RealWorkerName} {
			if _, err := os.Lstat(filepath.Join(root, e.Name(), name)); err == nil {
				return true
			}
		}
	}
	return false
}
