package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// workerName makes this test binary a stand-in for the shim: the same steps, with nothing else of it.
const workerName = "e2e-worker"

func TestMain(m *testing.M) {
	switch {
	case os.Args[0] == workerName:
		fmt.Fprintln(os.Stderr, becomeWorker(os.Args[1], os.Args[2], os.Args[3], os.Args[4:]))
		os.Exit(125)
	case len(os.Args) > 1 && os.Args[1] == dockerproxy.Subcommand:
		err := dockerproxy.Main(os.Args[2:], func(c dockerproxy.Config) error { return os.RemoveAll(c.Private) })
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	testkit.Main(m)
}

// becomeWorker runs argv with private over temp, and over the Docker socket real, unless that is "",
// the socket of a proxy.
func becomeWorker(real, temp, private string, argv []string) error {
	c := dockerproxy.Config{Real: real, Socket: private + ".sock", Temp: temp, Private: private, Log: os.Getenv("E2E_PROXY_LOG")}
	if err := os.Mkdir(private, 0o755); err != nil {
		return err
	}
	if real != "" {
		if err := dockerproxy.Start(c); err != nil {
			return err
		}
	}
	if err := nsenter.UnshareMounts(); err != nil {
		return err
	}
	binds := []mounts.Mount{{Source: place(private), Target: place(temp)}}
	if real != "" {
		binds = append(binds, mounts.Mount{Source: place(c.Socket), Target: place(real), Parent: place(filepath.Dir(real))})
	}
	if _, err := mounts.Bind(0, binds...); err != nil {
		return err
	}
	return syscall.Exec(argv[0], argv, os.Environ())
}

func place(path string) *os.File {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, path, err)
		os.Exit(125)
	}
	return os.NewFile(uintptr(fd), path)
}
