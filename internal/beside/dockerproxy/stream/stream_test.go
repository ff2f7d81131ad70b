package stream

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// listener listens at a path, with a queue of so many connections.
func listener(t *testing.T, path string, queue int) *os.File {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { file.Close() })
	if err := Bind(fd, path, func(string) error { return unix.Listen(fd, queue) }); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestConn(t *testing.T) {
	for name, dir := range map[string]string{
		"short": testkit.Dir(t),
		"long":  filepath.Join(testkit.Dir(t), strings.Repeat("x", 200)),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "socket")
			l := listener(t, path, 1)
			client, err := Dial(path)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server, err := Accept(l)
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			if _, err := io.WriteString(client, "ask"); err != nil {
				t.Fatal(err)
			}
			if err := client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(server); err != nil || string(got) != "ask" {
				t.Errorf("%q, %v", got, err)
			}
			if server.HungUp() {
				t.Error("a client that is done with writing counts as gone")
			}
			if _, err := io.WriteString(server, "answer"); err != nil {
				t.Fatal(err)
			}
			server.Close()
			if got, err := io.ReadAll(client); err != nil || string(got) != "answer" {
				t.Errorf("%q, %v", got, err)
			}
			if !client.HungUp() || !server.HungUp() {
				t.Error("a closed connection does not count as gone")
			}
		})
	}
}

// TestQueue: connecting waits where the listener's queue is full.
func TestQueue(t *testing.T) {
	path := filepath.Join(testkit.Dir(t), "socket")
	l := listener(t, path, 0)
	const clients = 5
	errs := make(chan error)
	for range clients {
		go func() {
			c, err := Dial(path)
			if err == nil {
				_, err = io.ReadAll(c)
				c.Close()
			}
			errs <- err
		}()
	}
	for range clients {
		time.Sleep(10 * time.Millisecond) // so that the queue fills
		c, err := Accept(l)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for range clients {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func TestAcceptClosed(t *testing.T) {
	l := listener(t, filepath.Join(testkit.Dir(t), "socket"), 1)
	done := make(chan error)
	go func() { _, err := Accept(l); done <- err }()
	time.Sleep(10 * time.Millisecond)
	l.Close()
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, err := Accept(l); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

// TestErrors: errors name the path as it was given.
func TestErrors(t *testing.T) {
	for _, path := range []string{"/none/such", "/none/" + strings.Repeat("x", 300)} {
		_, err := Dial(path)
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "/none") || strings.Contains(err.Error(), "/proc") {
			t.Error(err)
		}
	}
	dir := testkit.Dir(t)
	path := filepath.Join(dir, "socket")
	if err := Bind(-1, path, nil); !errors.Is(err, unix.EBADF) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	sorry := errors.New("sorry")
	if err := Bind(fd, path, func(string) error { return sorry }); err != sorry {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket's file is left")
	}
}
