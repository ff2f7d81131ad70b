package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// Listed returns the roots that installs have noted.
func (m Machine) Listed() ([]string, error) {
	data, err := os.ReadFile(m.Path(discover.ListFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseList(string(data)), nil
}

// Gone returns the listed roots in which there is no runner any more: the folder was removed, moved away or emptied, or is
// on a file system that is not mounted.
func (m Machine) Gone() ([]string, error) {
	listed, err := m.Listed()
	return slices.DeleteFunc(listed, func(root string) bool {
		_, err := runner.FromRoot(root)
		return !runner.Missing(err) || runner.HasWorker(root)
	}), err
}

func parseList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

func formatList(roots []string) string { return strings.Join(roots, "\n") + "\n" }

// ListTasks plans what notes a runner in the list.
func (m Machine) ListTasks(root string) ([]Task, error) {
	return m.listChange(with(root), "note "+root+" in the list of runners that have worker-wrap")
}

// UnlistTasks plans what takes a runner off the list.
func (m Machine) UnlistTasks(root, what string) ([]Task, error) {
	return m.listChange(without(root), what)
}

// listChange plans a change of the list: nothing if it changes nothing.
func (m Machine) listChange(change func([]string) []string, what string) ([]Task, error) {
	now, err := m.Listed()
	if err != nil || slices.Equal(change(slices.Clone(now)), now) {
		return nil, err
	}
	path := m.Path(discover.ListFile)
	return []Task{{what, func() error {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		dir, err := os.Open(filepath.Dir(path))
		if err != nil {
			return err
		}
		defer dir.Close()
		if err := disk.Lock(dir); err != nil {
			return fmt.Errorf("%s: %w", dir.Name(), err)
		}
		now, err := m.Listed() // perhaps another install has changed it
		if err != nil {
			return err
		}
		now = change(now)
		if len(now) > 0 {
			return disk.Write(path, formatList(now))
		}
		return disk.Remove(path)
	}}}, nil
}

func with(root string) func([]string) []string {
	return func(roots []string) []string {
		if strings.Contains(root, "\n") || slices.Contains(roots, root) {
			return roots
		}
		return append(roots, root)
	}
}

func without(root string) func([]string) []string {
	return func(roots []string) []string {
		return slices.DeleteFunc(roots, func(r string) bool { return r == root })
	}
}
