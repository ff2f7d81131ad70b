package worker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// deleteDirectory deletes a folder, or only what is in it, in the order of upstream's
// IOUtil.DeleteDirectory (src/Runner.Sdk/Util/IOUtil.cs): first every file and symbolic link of the whole
// tree, then the folders, longest path first. A folder that is missing is no error.
//
// With ignore, what happens to one file is no reason to stop. A folder that cannot be listed, or in the
// end not removed, is one all the same: then the rest stays (actions/runner #529, #4251).
func deleteDirectory(path string, contentsOnly, ignore bool) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode()&fs.ModeSymlink != 0 {
		if contentsOnly { // ArgUtil.Equal(false, …ReparsePoint) in Enumerate
			return &fs.PathError{Op: "list", Path: path, Err: errors.New("the folder is a reparse point")}
		}
		return os.Remove(path)
	}
	var folders []string
	if !contentsOnly {
		folders = append(folders, path)
	}
	for pending := []string{path}; len(pending) > 0; {
		dir := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		items, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, item := range items {
			name := filepath.Join(dir, item.Name())
			if item.IsDir() {
				pending = append(pending, name)
				folders = append(folders, name)
				makeWritable(name)
				continue
			}
			if err := os.Remove(name); err != nil && !ignore && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	slices.SortStableFunc(folders, func(a, b string) int { return len(b) - len(a) })
	for _, dir := range folders {
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}

// makeWritable does what clearing .NET's ReadOnly attribute does to a folder, if it may.
func makeWritable(path string) {
	if st, err := os.Lstat(path); err == nil && st.Mode().Perm()&0o222 == 0 {
		_ = os.Chmod(path, st.Mode().Perm()|0o200) // ignored upstream too, under continueOnContentDeleteError
	}
}

// initializeTemp empties _temp at a job's start and makes sure that it is there
// (src/Runner.Worker/TempDirectoryManager.cs). Only the second can fail.
func (w *worker) initializeTemp() error {
	if err := deleteDirectory(w.root.Temp, true, true); err != nil {
		w.error("TempDirectoryManager", exception(err))
	}
	return os.MkdirAll(w.root.Temp, 0o777)
}

// cleanupTemp empties _temp at a job's end.
func (w *worker) cleanupTemp() {
	w.info("TempDirectoryManager", "Cleaning runner temp folder: %s", w.root.Temp)
	if err := deleteDirectory(w.root.Temp, true, true); err != nil {
		w.error("TempDirectoryManager", exception(err))
	}
}

// exception names an error as .NET would, as far as that matters to a reader of logs.
func exception(err error) string {
	var pe *fs.PathError
	if !errors.As(err, &pe) {
		return "System.Exception: " + err.Error()
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return "System.UnauthorizedAccessException: Access to the path '" + pe.Path + "' is denied."
	case errors.Is(err, fs.ErrExist):
		return "System.IO.IOException: The file '" + pe.Path + "' already exists."
	case errors.Is(err, fs.ErrNotExist):
		return "System.IO.DirectoryNotFoundException: Could not find a part of the path '" + pe.Path + "'."
	}
	text := pe.Err.Error()
	return "System.IO.IOException: " + strings.ToUpper(text[:1]) + text[1:] + " : '" + pe.Path + "'"
}
