package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// listed returns the roots that installs have noted.
func (m Machine) listed() ([]string, error) {
	data, err := os.ReadFile(m.path(discover.ListFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseList(string(data)), nil
}

func parseList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

func formatList(roots []string) string { return strings.Join(roots, "\n") + "\n" }

// listTask plans a change of the list; nil where it changes nothing.
func (m Machine) listTask(change func([]string) []string, what string) (*task, error) {
	now, err := m.listed()
	if err != nil || slices.Equal(change(slices.Clone(now)), now) {
		return nil, err
	}
	path := m.path(discover.ListFile)
	return &task{what, func() error {
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
		now, err := m.listed() // perhaps another install has changed it
		if err != nil {
			return err
		}
		now = change(now)
		if len(now) > 0 {
			return disk.Write(path, formatList(now))
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		_ = os.Remove(filepath.Dir(path))
		return nil
	}}, nil
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
