package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// Task is one thing to do outside of bin folders.
type Task struct {
	What string
	Do   func() error
}

// PlaceTasks plans what puts the running binary, with its capability, in its place, and a link to it where
// people find it. Every Worker that starts meanwhile finds the old one or the new one, whole. It needs root.
func (m Machine) PlaceTasks() ([]Task, error) {
	place := m.Place()
	if err := program.Usable(place); err != nil {
		return nil, err
	}
	var tasks []Task
	same, err := disk.Same(m.Self, place)
	if err != nil {
		return nil, err
	}
	at := program.BinaryAt(place)
	st, err := os.Lstat(place)
	regular := err == nil && st.Mode().IsRegular()
	switch {
	case !same || !regular:
		tasks = append(tasks, Task{
			fmt.Sprintf("put worker-wrap in place as %s, owned by root, with the file capability %s", place, program.FileCapability),
			func() error { return program.Place(m.Self, place) },
		})
	case at.UID != 0 || at.Mode != 0o755 || at.SetID:
		tasks = append(tasks, Task{
			fmt.Sprintf("give %s to root, mode 755, with the file capability %s", place, program.FileCapability),
			func() error { return program.Secure(place) },
		})
	case !at.SysAdmin, at.AllOrNothing:
		tasks = append(tasks, Task{
			fmt.Sprintf("give %s the file capability %s", place, program.FileCapability),
			func() error { return program.Secure(place) },
		})
	}
	if m.Packaged() {
		return tasks, nil
	}
	link := m.command()
	target := "../lib/" + program.Name + "/" + program.Name
	if !m.leads(target) { // bin is a link to elsewhere
		target = place
	}
	st, err = os.Lstat(link)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && st.Mode().Type() == fs.ModeSymlink:
		if to, _ := os.Readlink(link); !m.leads(to) {
			tasks = append(tasks, Task{"make the link " + link, func() error { return disk.ReplaceLink(target, link) }})
		}
	case err != nil:
		return nil, err
	}
	return tasks, nil
}

// RemovalTasks plans what takes the binary, the link to it and the unit files off the machine.
func (m Machine) RemovalTasks() []Task {
	var tasks []Task
	place := m.Place()
	if to, err := os.Readlink(m.command()); err == nil && m.leads(to) {
		tasks = removal(m.command(), false)
	}
	tasks = append(tasks, removal(place, true)...)
	before := len(tasks)
	for _, name := range unitNames {
		tasks = append(tasks, removal(filepath.Join(m.Path(unitDir), name), false)...)
	}
	if len(tasks) > before && m.Systemd() {
		tasks = append(tasks, m.reload())
	}
	return tasks
}
