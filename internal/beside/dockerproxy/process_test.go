package dockerproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// starterName makes this test binary start a proxy, as the shim does, and become sleep(1).
const starterName = "dockerproxy-starter"

func TestMain(m *testing.M) {
	switch {
	case os.Args[0] == starterName:
		c, err := parseArgs(os.Args[2:])
		var l *Launched
		if err == nil {
			l, err = Start(c)
		}
		if err == nil {
			err = l.Wait()
		}
		if err == nil {
			err = syscall.Exec(os.Args[1], []string{"sleep", "1000"}, os.Environ())
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	case len(os.Args) > 1 && os.Args[1] == Subcommand:
		if err := Main(os.Args[2:], func(c Config) error { return os.RemoveAll(c.Private) }); err != nil {
			unix.Exit(1)
		}
		unix.Exit(0) // os.Exit waits a second under the race detector
	}
	testkit.Main(m)
}

// engine is a stand-in for dockerd that answers with what it was asked.
type engine struct {
	t      *testing.T
	socket string
	server *http.Server
}

func startEngine(t *testing.T, socket string) *engine {
	t.Helper()
	listener, err := listenLong(socket)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{t: t, socket: socket, server: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
	})}}
	go func() { _ = e.server.Serve(listener) }()
	t.Cleanup(e.stop)
	return e
}

func (e *engine) stop() {
	e.server.Close()
	os.Remove(e.socket)
}

// listenLong listens at a path of any length.
func listenLong(path string) (net.Listener, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if err := stream.Bind(fd, path, func(string) error { return unix.Listen(fd, 10) }); err != nil {
		return nil, err
	}
	l, err := net.FileListener(file)
	if err == nil {
		l.(*net.UnixListener).SetUnlinkOnClose(false)
	}
	return l, err
}

// rig is an engine, a proxy of it, and the process that the proxy is for.
type rig struct {
	t      *testing.T
	c      Config
	worker *exec.Cmd
	ended  bool
}

func newConfig(t *testing.T, dir string) Config {
	t.Helper()
	c := Config{
		Real: filepath.Join(dir, "run", "docker.sock"), Socket: filepath.Join(dir, "store", "1.sock"),
		Temp: filepath.Join(dir, "_temp"), Private: filepath.Join(dir, "store", "1"), Log: filepath.Join(dir, "log"),
	}
	for _, sub := range []string{filepath.Dir(c.Real), c.Temp, c.Private} {
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// start starts the process, which starts the proxy. extra is inherited by the process.
func start(t *testing.T, c Config, extra ...*os.File) *rig {
	t.Helper()
	r := &rig{t: t, c: c}
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	r.worker = exec.Command("/proc/self/exe")
	r.worker.Args = append([]string{starterName, sleep}, c.args()[1:]...)
	r.worker.Env = append(os.Environ(), "RUNNER_TRACKING_ID=github_1")
	r.worker.ExtraFiles = extra
	var stderr bytes.Buffer
	r.worker.Stderr = &stderr
	r.worker.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := r.worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.end)
	r.await("the Worker", func() bool {
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", r.worker.Process.Pid))
		return string(name) == "sleep\n"
	})
	return r
}

// end kills the process and waits until the proxy is gone.
func (r *rig) end() {
	if r.ended {
		return
	}
	r.ended = true
	_ = r.worker.Process.Kill()
	_ = r.worker.Wait()
	r.await("the proxy's end", func() bool { return !r.running() })
}

func (r *rig) await(what string, done func() bool) {
	r.t.Helper()
	testkit.Await(r.t, what, done)
}

// proxy returns the PID of the proxy, or 0.
func (r *rig) proxy() int {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		if bytes.Contains(text, []byte(Subcommand+"\x00")) && bytes.Contains(text, []byte("socket="+r.c.Socket+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(line)))
			return pid
		}
	}
	return 0
}

func (r *rig) running() bool { return r.proxy() != 0 }

// httpConn is a connection as net/http wants it.
type httpConn struct{ stream.Conn }

func (httpConn) LocalAddr() net.Addr  { return &net.UnixAddr{} }
func (httpConn) RemoteAddr() net.Addr { return &net.UnixAddr{} }

// get asks through the proxy.
func (r *rig) get(path string) (status int, body string, err error) {
	client := http.Client{
		Timeout: testkit.Patience,
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
			conn, err := dial(r.c.Socket)
			return httpConn{conn}, err
		}},
	}
	answer, err := client.Get("http://docker" + path)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

func TestServes(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	startEngine(t, c.Real)
	r := start(t, c)
	if status, body, err := r.get("/v1.41/info?x=%2F"); err != nil || status != 200 || body != "GET /v1.41/info?x=%2F " {
		t.Errorf("%d %q %v", status, body, err)
	}
}

// TestLongPaths: neither socket's path fits into a sun_path.
func TestLongPaths(t *testing.T) {
	dir := filepath.Join(testkit.Dir(t), strings.Repeat("long", 30), strings.Repeat("er", 60))
	c := newConfig(t, dir)
	startEngine(t, c.Real)
	r := start(t, c)
	if status, body, err := r.get("/_ping"); err != nil || status != 200 || body != "GET /_ping " {
		t.Errorf("%d %q %v", status, body, err)
	}
	r.end()
	if _, err := os.Lstat(c.Socket); err == nil {
		t.Error("the socket is still there")
	}
}

// TestEnds: the proxy ends with its process, also with a connection open, and takes its socket and
// the folder with it.
func TestEnds(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	startEngine(t, c.Real)
	r := start(t, c)
	conn, err := dial(c.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := os.WriteFile(filepath.Join(c.Private, "left"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.await("the proxy", r.running)
	_ = r.worker.Process.Kill()
	_ = r.worker.Wait()
	// Within a second, if the machine has nothing else to do: it waits for nothing but that.
	r.await("the proxy's end", func() bool { return !r.running() })
	for _, path := range []string{c.Socket, c.Private} {
		if _, err := os.Lstat(path); err == nil {
			t.Errorf("%s is still there", path)
		}
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("the connection gives %d bytes", n)
	}
}

// TestBesides: the process has nothing of the Worker's.
func TestBesides(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	startEngine(t, c.Real)
	pipeR, pipeW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipeR.Close()
	r := start(t, c, pipeW)
	pipeW.Close()
	if _, _, err := r.get("/_ping"); err != nil { // it is up, and has said what it is
		t.Fatal(err)
	}
	pid := r.proxy()
	proc := fmt.Sprintf("/proc/%d", pid)
	if env, err := os.ReadFile(proc + "/environ"); err != nil || len(env) != 0 {
		t.Errorf("environment %q, %v", env, err)
	}
	if dir, _ := os.Readlink(proc + "/cwd"); dir != "/" {
		t.Errorf("working directory %s", dir)
	}
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("session %d, %v", sid, err)
	}
	fds, err := filepath.Glob(proc + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if target, _ := os.Readlink(fd); strings.HasPrefix(target, "pipe:") {
			t.Errorf("it holds %s", target)
		}
	}
	for _, n := range []string{"0", "1", "2"} {
		if target, _ := os.Readlink(proc + "/fd/" + n); target != "/dev/null" {
			t.Errorf("descriptor %s is %s", n, target)
		}
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", r.worker.Process.Pid))
	if err != nil || len(children) != 0 {
		t.Errorf("the Worker has children %q, %v", children, err)
	}
	// The Listener sees the end of the Worker although the proxy lives a moment longer.
	_ = r.worker.Process.Kill()
	_ = r.worker.Wait()
	if n, err := pipeR.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%d bytes, %v from the pipe; want its end", n, err)
	}
}

// TestSignals: what a terminal or a user's "kill all my jobs" sends does not end it.
func TestSignals(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	startEngine(t, c.Real)
	r := start(t, c)
	if _, _, err := r.get("/_ping"); err != nil {
		t.Fatal(err)
	}
	for _, sig := range []unix.Signal{unix.SIGINT, unix.SIGHUP, unix.SIGQUIT} {
		if err := unix.Kill(r.proxy(), sig); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := r.get("/_ping"); err != nil {
		t.Error(err)
	}
}

// TestDaemonRestarts: while there is no daemon a client is told so, and afterwards all is well again.
func TestDaemonRestarts(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	e := startEngine(t, c.Real)
	r := start(t, c)
	if _, _, err := r.get("/_ping"); err != nil {
		t.Fatal(err)
	}
	e.stop()
	status, body, err := r.get("/_ping")
	if err != nil || status != 503 || !strings.Contains(body, "Cannot connect to the Docker daemon at unix://"+c.Real) {
		t.Errorf("without a daemon: %d %q %v", status, body, err)
	}
	startEngine(t, c.Real)
	if status, _, err := r.get("/_ping"); err != nil || status != 200 {
		t.Errorf("with a new one: %d %v", status, err)
	}
}

// TestDies: a proxy that is killed leaves the Worker alone, and clients see a daemon that is not there.
func TestDies(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	startEngine(t, c.Real)
	r := start(t, c)
	if _, _, err := r.get("/_ping"); err != nil {
		t.Fatal(err)
	}
	if err := unix.Kill(r.proxy(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	r.await("the proxy's end", func() bool { return !r.running() })
	if _, _, err := r.get("/_ping"); err == nil {
		t.Error("somebody answers")
	}
	if err := unix.Kill(r.worker.Process.Pid, unix.SIGKILL); err != nil {
		t.Errorf("the Worker: %v", err)
	}
	if err := r.worker.Wait(); err == nil || r.worker.ProcessState.ExitCode() >= 0 {
		t.Errorf("the Worker has ended by itself: %v", err)
	}
}

// TestStartFails: an error leaves no socket.
func TestStartFails(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	if _, err := Start(c); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("without a real socket: %v", err)
	}
	startEngine(t, c.Real)
	c.Temp = "/" + strings.Repeat("x", 1<<18) // no command line can hold it
	l, err := Start(c)
	if err == nil {
		err = l.Wait()
		l.End()
	}
	if err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat(c.Socket); err == nil {
		t.Error("a socket is left")
	}
}

// TestUnused: a proxy that nobody will use ends though the process that started it lives, with its socket, and leaves the
// folder alone.
func TestUnused(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	startEngine(t, c.Real)
	l, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, c: c}
	if status, _, err := r.get("/_ping"); err != nil || status != 200 {
		t.Errorf("%d, %v", status, err)
	}
	l.End()
	r.await("the proxy's end", func() bool { return !r.running() })
	if _, err := os.Lstat(c.Socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
	if _, err := os.Stat(c.Private); err != nil {
		t.Error(err)
	}
	(*Launched)(nil).End()
	(*Launched)(nil).Keep()
}

// TestByHand: whoever runs the hidden subcommand by hand is told so in a line.
func TestByHand(t *testing.T) {
	for _, args := range [][]string{nil, {"x=/y"}, {"real=relative", "socket=/a", "temp=/a", "private=/a"}} {
		_, err := parseArgs(args)
		if err == nil || !strings.HasPrefix(err.Error(), Subcommand+": ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", args, err)
		}
	}
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	fd, err := unix.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if _, err := inherited(fd); err == nil || !strings.Contains(err.Error(), "only the shim starts this") {
		t.Errorf("%v", err)
	}
	if err := detach.WaitEnd(1 << 20); err == nil {
		t.Error("a descriptor that is not open is taken for a pidfd")
	}
}

func TestArgs(t *testing.T) {
	c := Config{Real: "/r=r", Socket: "/s s", Temp: "/t\n", Private: "/p,p"}
	got, err := parseArgs(c.args()[1:])
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, %v", got, err)
	}
	if slices.ContainsFunc(c.args(), func(a string) bool { return strings.HasPrefix(a, "log") }) {
		t.Error("an empty log is written")
	}
}

func TestLog(t *testing.T) {
	c := newConfig(t, testkit.Dir(t))
	startEngine(t, c.Real)
	r := start(t, c)
	answer, err := r.post("/containers/create", `{"HostConfig":{"Binds":["`+c.Temp+`/a:/a"]}}`)
	if want := `POST /containers/create {"HostConfig":{"Binds":["` + c.Private + `/a:/a"]}}`; err != nil || answer != want {
		t.Errorf("%q, %v; want %q", answer, err, want)
	}
	r.end()
	text, err := os.ReadFile(c.Log)
	if err != nil || !strings.Contains(string(text), c.Temp+"/a: "+c.Private+"/a on the host") || !strings.Contains(string(text), "has ended") {
		t.Errorf("log %q, %v", text, err)
	}
	if st, err := os.Stat(c.Log); err != nil || st.Mode() != fs.FileMode(0o600) {
		t.Errorf("%v, %v", st.Mode(), err)
	}
}

func (r *rig) post(path, body string) (string, error) {
	conn, err := dial(r.c.Socket)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST %s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
	answer, err := io.ReadAll(conn)
	_, text, _ := strings.Cut(string(answer), "\r\n\r\n")
	return text, err
}

// TestLogThatIsNone: what has the name of its log and is no file is left alone, and nothing waits for it.
func TestLogThatIsNone(t *testing.T) {
	dir := t.TempDir()
	fifo, link, target := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "target")
	if err := errors.Join(unix.Mkfifo(fifo, 0o666), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(fifo, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, path := range []string{"", fifo, link, dir, filepath.Join(dir, "none", "log")} {
		if file := openLog(path); file != nil {
			file.Close()
			t.Errorf("%q is taken", path)
		}
	}
	reader.Close()
	if file := openLog(fifo); file != nil { // nobody reads: this must not wait
		file.Close()
		t.Error("a FIFO is taken")
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("a file was made where a link leads")
	}
	path := filepath.Join(dir, "log")
	for range 2 {
		file := openLog(path)
		if file == nil {
			t.Fatal("a new file is not taken, or an old one")
		}
		newLogger(file).Print("said")
		file.Close()
	}
	if data, err := os.ReadFile(path); err != nil || strings.Count(string(data), " said\n") != 2 {
		t.Errorf("%q, %v", data, err)
	}
	newLogger(nil).Print("said")
}
