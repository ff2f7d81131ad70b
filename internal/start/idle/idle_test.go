package idle_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestDocker: until it has a client a Docker proxy is a process without Go's runtime, which signals to all do not end. It
// serves its first client as any other, and without one it ends with its Worker all the same.
func TestDocker(t *testing.T) {
	for _, asked := range []bool{true, false} {
		t.Run(fmt.Sprintf("asked %v", asked), func(t *testing.T) { testDocker(t, asked) })
	}
}

func testDocker(t *testing.T, asked bool) {
	dir := testkit.Dir(t)
	engine, err := net.Listen("unix", dir+"/real")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "it is me") })}
	go func() { _ = server.Serve(engine) }()
	defer server.Close()
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/socket"})
	if err != nil {
		t.Fatal(err)
	}
	socket.SetUnlinkOnClose(false)
	listener, err := socket.File()
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket.Close()
	worker := exec.Command("cat")
	in, err := worker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = worker.Wait() }()
	defer in.Close()
	pidfd, err := unix.PidfdOpen(worker.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	ended := os.NewFile(uintptr(pidfd), "pidfd")
	defer ended.Close()
	proxy := exec.Command(testkit.Binary(t))
	proxy.Args = []string{
		dockerproxy.Name, dockerproxy.Subcommand, "real=" + dir + "/real", "socket=" + dir + "/socket", "temp=" + dir + "/temp", "private=" + dir + "/private",
	}
	proxy.ExtraFiles = []*os.File{listener, ended}
	proxy.Stderr = os.Stderr
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- proxy.Wait() }()
	status := func(line string) bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", proxy.Process.Pid))
		return strings.Contains(string(text), line)
	}
	testkit.Await(t, "it has its name, and sleeps", func() bool { return status("Name:\t"+dockerproxy.Comm+"\n") && status("State:\tS") })
	if !status("\nThreads:\t1\n") {
		t.Error("it has woken Go's runtime")
	}
	for _, signal := range []syscall.Signal{unix.SIGINT, unix.SIGHUP, unix.SIGQUIT} {
		if err := proxy.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	if asked {
		conn, err := net.Dial("unix", dir+"/socket")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(conn, "GET /_ping HTTP/1.0\r\n\r\n")
		answer, err := io.ReadAll(conn)
		conn.Close()
		if err != nil || !strings.HasSuffix(string(answer), "it is me") {
			t.Errorf("its first client gets %q, %v", answer, err)
		}
		if status("\nThreads:\t1\n") {
			t.Error("it serves without Go's runtime, which cannot be")
		}
	} else if !status("\nThreads:\t1\n") {
		t.Error("a signal has woken Go's runtime")
	}
	in.Close()
	if err := <-gone; err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir + "/socket"); !os.IsNotExist(err) {
		t.Errorf("its socket is left: %v", err)
	}
}
