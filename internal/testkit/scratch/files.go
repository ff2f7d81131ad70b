package scratch

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// Text makes a file of mode 644 with that text, and the folders above it.
func Text(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Own gives everything below root to Nobody, if the test may.
func Own(t testing.TB, root string) {
	t.Helper()
	if os.Getuid() == 0 {
		testkit.Give(t, root, Nobody)
	}
}

// Tree is everything below root: of each file type, mode, owner, time and checksum; of folders no time.
func Tree(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) == events.FileName { // that stays, for an audit
			return err
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		sys := st.Sys().(*syscall.Stat_t)
		what := fmt.Sprint(st.Mode(), " ", sys.Uid, ":", sys.Gid)
		switch {
		case st.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %s %x", st.ModTime().UTC().Format(time.RFC3339Nano), sha256.Sum256(data))
		case st.Mode().Type() == fs.ModeSymlink:
			to, _ := os.Readlink(path)
			what += " -> " + to
		}
		all[strings.TrimPrefix(path, root)] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Same compares two trees.
func Same(t testing.TB, what string, got, want map[string]string) {
	t.Helper()
	for path, is := range got {
		if was, ok := want[path]; !ok {
			t.Errorf("%s: new: %s: %s", what, path, is)
		} else if was != is {
			t.Errorf("%s: %s\n\tis  %s\n\twas %s", what, path, is, was)
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok {
			t.Errorf("%s: gone: %s", what, path)
		}
	}
}

// Move renames a file.
func Move(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// Link makes path a symbolic link.
func Link(t testing.TB, to, path string) {
	t.Helper()
	if err := os.Symlink(to, path); err != nil {
		t.Fatal(err)
	}
}

// Hard gives a file one more name.
func Hard(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Link(from, to); err != nil {
		t.Fatal(err)
	}
}

// Stat follows links.
func Stat(t testing.TB, path string) fs.FileInfo {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// WorkerIn is the path of Runner.Worker in a bin folder.
func WorkerIn(bin string) string { return filepath.Join(bin, runner.WorkerName) }

// RealIn is the path of what another tool, or an older version, keeps there.
func RealIn(bin string) string { return filepath.Join(bin, runner.RealWorkerName) }

// KeptIn is the path by the name that is worker-wrap's alone.
func KeptIn(bin string) string { return filepath.Join(bin, runner.KeptWorkerName) }
