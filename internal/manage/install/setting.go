package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// isolate is the one setting that an install makes, without its prefix. Alone is what it chooses if nobody else has.
const (
	isolate = "ISOLATE"
	Alone   = "alone"
)

func assignment(value string) string { return survey.SettingsPrefix + isolate + "=" + value }

// mark stands above the line that an install has written: as long as both are as it wrote them they are its own.
func mark(value string) string {
	return "# worker-wrap install chose " + value + "; its uninstall removes these two lines"
}

// withSetting adds the setting to a file's text, in place of one that an install has made.
func withSetting(text, value string) string {
	text, _ = withoutSetting(text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text + mark(value) + "\n" + assignment(value) + "\n"
}

// withoutSetting takes out what an install has written, and returns the value that it chose, "" if it has written none.
func withoutSetting(text string) (rest, value string) {
	lines := strings.SplitAfter(text, "\n")
	for i := range len(lines) - 1 {
		next := strings.TrimSuffix(lines[i+1], "\n")
		v, ok := strings.CutPrefix(next, assignment(""))
		if ok && strings.TrimSuffix(lines[i], "\n") == mark(v) {
			return strings.Join(slices.Delete(lines, i, i+2), ""), v
		}
	}
	return text, ""
}

// choose sets which Workers of the runners are isolated: as r.Isolate says, or, if nobody has chosen that, only those
// that are not alone.
func (r *run) choose(layouts []runner.Layout) {
	planned := false
	for _, l := range layouts {
		now, chosen, err := survey.System{Root: r.Root}.Chosen(l, isolate)
		own := filepath.Join(l.Root, settings.RunnerFile)
		switch {
		case err != nil:
			r.fail(fmt.Errorf("%s: its settings cannot be read: %w", l.Root, err))
		case r.Isolate == "" && (chosen || planned), chosen && now.Value == r.Isolate:
		case r.Isolate != "":
			r.chooseFor(l, r.Isolate, now)
		case r.root && !r.BinOnly:
			path := r.Path(settings.MachineFile)
			planned = true // or it is said once what keeps it from that
			r.tasks([]machine.Task{{What: set(Alone, path), Do: func() error { return editFile(path, func(text string) string { return withSetting(text, Alone) }) }}})
		default:
			r.chooseFor(l, Alone, survey.Variable{From: own})
		}
	}
}

// chooseFor sets it for one runner. What a person has written, and comes before, stays.
func (r *run) chooseFor(l runner.Layout, value string, now survey.Variable) {
	own := filepath.Join(l.Root, settings.RunnerFile)
	before := now.From != "" && now.From != own && now.From != r.Path(settings.MachineFile)
	if data, err := untrusted.Head(own, settings.MaxSize); now.From == own && now.Name != "" && err == nil {
		_, was := withoutSetting(string(data))
		before = was == ""
	}
	if before {
		r.fail(fmt.Errorf("%s: %s says %s%s=%s, and comes first: change it there", l.Root, now.From, survey.SettingsPrefix, isolate, now.Value))
		return
	}
	r.tasks([]machine.Task{{What: set(value, own), Do: func() error {
		return r.editOwn(l, func(text string) string { return withSetting(text, value) })
	}}})
}

func set(value, path string) string {
	what := "set " + assignment(value) + " in " + path
	if value == Alone {
		what += ": from its next start on a Worker that is alone is started as without worker-wrap"
	}
	return what
}

// unchoose plans what takes the setting out of a file that has it from an install.
func unchoose(path string, edit func(func(string) string) error) []machine.Task {
	data, err := untrusted.Head(path, settings.MaxSize)
	if err != nil {
		return nil
	}
	rest, value := withoutSetting(string(data))
	what := "take " + assignment(value) + " out of " + path
	switch {
	case value == "":
		return nil
	case rest == "":
		what = "remove " + path + ", which says " + assignment(value)
	}
	return []machine.Task{{What: what, Do: func() error {
		return edit(func(text string) string { rest, _ := withoutSetting(text); return rest })
	}}}
}

// unchooseAll takes the machine's setting back when no runner has the shim any more.
func (r *run) unchooseAll() {
	if len(r.users()) > 0 {
		return
	}
	path := r.Path(settings.MachineFile)
	r.tasks(unchoose(path, func(change func(string) string) error { return editFile(path, change) }))
}

// editFile changes a file of root's, which keeps its owner and mode. One in which nothing is left goes, and its folder if
// that is empty then. A link is an error.
func editFile(path string, change func(string) string) error {
	data, err := untrusted.Head(path, settings.MaxSize+1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := change(string(data))
	switch {
	case len(text) > settings.MaxSize:
		return tooLong(path)
	case text != "":
		return disk.Write(path, text)
	}
	return disk.Remove(path)
}

// editOwn changes the file in a runner's root.
func (r *run) editOwn(l runner.Layout, change func(string) string) error {
	folder, err := r.folder(l, l.Root)
	if err != nil {
		return err
	}
	defer folder.Close()
	root, err := os.OpenRoot(untrusted.Through(folder))
	if err != nil {
		return err
	}
	defer root.Close()
	now, mode, err := ownText(folder)
	if err != nil {
		return err
	}
	const fresh = settings.RunnerFile + ".new"
	text := change(now)
	switch {
	case len(text) > settings.MaxSize:
		return tooLong(filepath.Join(l.Root, settings.RunnerFile))
	case text == "":
		err = root.Remove(settings.RunnerFile)
	default:
		if err := root.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err = disk.Make(root, fresh, text, mode); err == nil {
			err = root.Rename(fresh, settings.RunnerFile)
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return disk.Sync(folder)
}

// ownText reads the file in a runner's root. Nothing but a file of that folder's owner is taken: what root writes anew
// is that owner's, and no copy of what only root may read.
func ownText(folder *os.File) (text string, mode fs.FileMode, err error) {
	f, err := untrusted.At(folder, settings.RunnerFile, unix.O_PATH|unix.O_NOFOLLOW)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0o644, nil
	}
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	var st, dir unix.Stat_t
	if err := errors.Join(unix.Fstat(int(f.Fd()), &st), unix.Fstat(int(folder.Fd()), &dir)); err != nil {
		return "", 0, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 1 || st.Uid != dir.Uid {
		return "", 0, fmt.Errorf("%s is not a regular file with a single name that belongs to the owner of its folder: change it by hand", f.Name())
	}
	data, err := untrusted.Head(untrusted.Through(f), settings.MaxSize+1)
	return string(data), fs.FileMode(st.Mode & 0o777), err
}

func tooLong(path string) error {
	return &fs.PathError{Op: "write", Path: path, Err: errors.New("it would be longer than a start reads; remove lines that are not settings")}
}
