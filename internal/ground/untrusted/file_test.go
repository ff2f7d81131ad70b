package untrusted

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestOpen: files and links to them are read, all else is an error that names the path, and nobody waits.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	text := bytes.Repeat([]byte("0123456789"), 1000)
	if err := errors.Join(os.WriteFile(file, text, 0o600), os.Symlink("file", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if data, err := io.ReadAll(f); err != nil || !bytes.Equal(data, text) || f.Name() != path {
			t.Errorf("%s, as %s: %v, %.20q", path, f.Name(), err, data)
		}
		f.Close()
		for _, n := range []int{0, 1, 4096, 4097, len(text) - 1, len(text), len(text) + 1, 1 << 20} {
			if data, err := Head(path, n); err != nil || !bytes.Equal(data, text[:min(n, len(text))]) {
				t.Errorf("%s, the first %d: %v, %d", path, n, err, len(data))
			}
		}
	}
	if data, err := Head("/proc/self/status", 1<<20); err != nil || !strings.Contains(string(data), "\nPid:\t") {
		t.Errorf("of /proc: %v, %q", err, data)
	}

	fifo, leased := filepath.Join(dir, "fifo"), filepath.Join(dir, "leased")
	if err := errors.Join(unix.Mkfifo(fifo, 0o600), os.WriteFile(leased, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	holder, err := os.OpenFile(leased, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	if _, err := unix.FcntlInt(holder.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		filepath.Join(dir, "none"): fs.ErrNotExist, fifo: errNotRegular, dir: errNotRegular, "/dev/null": errNotRegular, leased: unix.EWOULDBLOCK,
	} {
		_, err := Open(path)
		_, herr := Head(path, 10)
		for _, err := range []error{err, herr} {
			if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want %v", path, err, want)
			}
		}
	}
}

// TestOpenDoesNotOpenAnythingElse: what is no regular file is not even opened, as inotify(7) would tell.
func TestOpenDoesNotOpenAnythingElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	opened := opens(t, path)
	if _, err := Open(path); err == nil {
		t.Error("a FIFO was opened")
	}
	if opened() {
		t.Error("the FIFO was opened, if only for a moment")
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
	if !opened() {
		t.Error("this test would not notice")
	}
}

// opens returns a function that tells whether path was opened since the last call.
func opens(t *testing.T, path string) func() bool {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return func() bool {
		var buf [4096]byte
		n, err := unix.Read(fd, buf[:])
		if err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
		return n > 0
	}
}

// TestOpenWithoutProc: a process that sees no /proc reads files all the same.
func TestOpenWithoutProc(t *testing.T) {
	if dir := os.Getenv("UNTRUSTED_DIR"); dir != "" {
		data, err := Head(filepath.Join(dir, "file"), 100)
		_, ferr := Head(filepath.Join(dir, "fifo"), 100)
		if err != nil || string(data) != "text" || !errors.Is(ferr, errNotRegular) {
			t.Errorf("%v, %q; %v", err, data, ferr)
		}
		return
	}
	testkit.RequireRoot(t)
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o600), unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testkit.RequireTool(t, "unshare", "util-linux"), "--mount", "sh", "-c", `mount -t tmpfs none /proc && exec "$0" -test.run '^TestOpenWithoutProc$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), "UNTRUSTED_DIR="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v: %s", err, out)
	}
}
