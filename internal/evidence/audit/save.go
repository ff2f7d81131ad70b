package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A page of WriteHTML begins with pageStart and has pageTitle in its first KiB.
const (
	pageStart = "<!DOCTYPE html>\n<html"
	pageTitle = "<title>worker-wrap audit</title>"
)

// MayReplace says why the page may not be written to path: it has the name of a log, is one of the inputs, or
// is a file with other content than a page of ours. What is not there yet, an empty file and a page of ours may be
// written, and so may what is no file, such as a terminal.
func MayReplace(path string, inputs []string) error {
	const instead = "it was left as it is; --html takes the file to write the page to: --html PAGE.html"
	if classify(path).kind != unknownLog {
		return fmt.Errorf("--html %s: that is the name of a runner's log; nothing was written; --html takes the file to write the page to: --html PAGE.html", path)
	}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.IsDir() {
		return fmt.Errorf("--html %s: is a folder; --html takes the file to write the page to: --html PAGE.html", path)
	}
	for _, input := range inputs {
		if in, err := os.Stat(input); err == nil && os.SameFile(in, st) {
			return fmt.Errorf("--html %s: is to be audited itself; %s", path, instead)
		}
	}
	if !st.Mode().IsRegular() || st.Size() == 0 {
		return nil
	}
	ours, err := isPage(path)
	if err == nil && !ours {
		err = fmt.Errorf("--html %s: is there already and no page of worker-wrap audit; %s, or remove it first", path, instead)
	}
	return err
}

// isPage reports whether a file begins as a page of WriteHTML.
func isPage(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 1<<10))
	return bytes.HasPrefix(head, []byte(pageStart)) && bytes.Contains(head, []byte(pageTitle)), err
}

// SaveHTML writes the page to a file, if [MayReplace] has no objection: beside it first, so that what was there
// stays until the whole page is written. A link is followed.
func (r *Report) SaveHTML(path string) error {
	if err := MayReplace(path, nil); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(r.WriteHTML(f), f.Close())
	}
	beside := fmt.Sprintf("%s.%d.tmp", path, os.Getpid())
	f, err := os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	err = r.WriteHTML(f)
	if st != nil {
		err = errors.Join(err, f.Chmod(st.Mode().Perm()))
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(beside, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(beside))
	}
	return nil
}
