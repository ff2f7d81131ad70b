package dockerproxy

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAccess: the socket lets in whom the real one lets in, and nobody who cannot come near that.
func TestAccess(t *testing.T) {
	testkit.RequireRoot(t)
	const docker, staff = 12345, 54321
	for _, c := range []struct {
		name       string
		folder     os.FileMode
		folderGID  int
		socket     os.FileMode
		want       os.FileMode
		wantDocker bool
	}{
		{"Debian's", 0o755, 0, 0o660, 0o660, true},
		{"for all", 0o755, 0, 0o666, 0o666, true},
		{"for one", 0o755, 0, 0o600, 0o600, false},
		{"odd", 0o755, 0, 0o604, 0o604, false},
		{"rootless", 0o700, 0, 0o666, 0o600, false},
		{"behind another group", 0o750, staff, 0o660, 0o600, false},
		{"behind the same group", 0o750, docker, 0o666, 0o660, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := testkit.Dir(t)
			config := newConfig(t, dir)
			e := startEngine(t, config.Real)
			folder := filepath.Dir(config.Real)
			for _, err := range []error{
				os.Chown(config.Real, 0, docker), os.Chmod(config.Real, c.socket), os.Chown(folder, 0, c.folderGID), os.Chmod(folder, c.folder),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			defer unix.Umask(unix.Umask(0o077))
			socket, err := listen(config.Socket, config.Real)
			if err != nil {
				t.Fatal(err)
			}
			socket.Close()
			e.stop()
			var st unix.Stat_t
			if err := unix.Stat(config.Socket, &st); err != nil {
				t.Fatal(err)
			}
			if got := os.FileMode(st.Mode & 0o7777); got != c.want || (st.Gid == docker) != c.wantDocker {
				t.Errorf("mode %o group %d, want %o", got, st.Gid, c.want)
			}
		})
	}
}

// TestAccessOfNothingElse: who owns the folder has put a link in the socket's place.
func TestAccessOfNothingElse(t *testing.T) {
	dir := testkit.Dir(t)
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, filepath.Join(dir, "none")} {
		if err := (access{mode: 0o066, gid: os.Getgid()}).apply(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if st, err := os.Stat(file); err != nil || st.Mode() != 0o600 {
		t.Errorf("the file's mode is %v (%v)", st.Mode(), err)
	}
}
