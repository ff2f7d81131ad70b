package origin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// program builds testdata/program, with entry as its entry point or as Go has it.
func program(t *testing.T, ldflags string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-ldflags", ldflags, "-o", path, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build.Args, err, out)
	}
	return path
}

const entry = "-E github.com/worker-wrap/worker-wrap/nsenter/origin.entry"

type shown struct {
	Captured                 bool
	Noted                    origin.Inherited
	Args, Environ, Displayed []string
	Limit                    uint64
}

// show starts the program from a shell that brings about a state first, and returns what it says of itself.
func show(t *testing.T, path, state string, env ...string) shown {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", state+` exec "$0" show "a b" ""`, path)
	cmd.Env = env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var s shown
	if err != nil || json.Unmarshal(out, &s) != nil {
		t.Fatalf("%v: %q, %q", err, out, &stderr)
	}
	return s
}

func bit(sig syscall.Signal) uint64 { return 1 << (sig - 1) }

func TestNoted(t *testing.T) {
	path := program(t, entry)
	s := show(t, path, `trap "" PIPE TERM QUIT 64; ulimit -Sn 77;`, "GODEBUG=inittrace=1", "TWICE=1", "TWICE=2", "PWD=/")
	if !s.Captured || s.Noted.Closed != 0 || s.Limit != 77 {
		t.Errorf("%+v: want it captured, nothing closed, 77 descriptors", s)
	}
	// A shell may ignore more, so only these are held to it.
	for sig, want := range map[syscall.Signal]bool{syscall.SIGPIPE: true, syscall.SIGTERM: true, syscall.SIGQUIT: true, 64: true, syscall.SIGUSR1: false, syscall.SIGHUP: false} {
		if got := s.Noted.Ignored&bit(sig) != 0; got != want {
			t.Errorf("%v is noted as ignored: %v, want %v", sig, got, want)
		}
	}
	if want := []string{path, "show", "a b", ""}; !slices.Equal(s.Args, want) {
		t.Errorf("arguments %q, want %q", s.Args, want)
	}
	if !slices.Contains(s.Environ, "GODEBUG=inittrace=1") || slices.Contains(s.Displayed, "GODEBUG=inittrace=1") {
		t.Errorf("environment %q, package os has %q", s.Environ, s.Displayed)
	}
	if s := show(t, path, `exec 0<&- 2>&-;`); s.Noted.Closed != 1<<0|1<<2 {
		t.Errorf("closed descriptors %b, want 0 and 2", s.Noted.Closed)
	}
	if s := show(t, program(t, ""), `trap "" PIPE;`); s.Captured || s.Noted != (origin.Inherited{}) {
		t.Errorf("without entry it says %+v", s)
	}
}

// TestExec compares what a program finds when it is started by a shell, and when it takes the place of a Go program.
func TestExec(t *testing.T) {
	path := program(t, entry)
	const look = `grep -E '^(Sig(Pnd|Blk|Ign|Cgt)|ShdPnd|Threads):' /proc/self/status; ulimit -Sn; ulimit -Hn; ls /proc/self/fd; tr '\0' '\n' < /proc/$$/environ`
	for _, state := range []string{"", `trap "" PIPE USR1 CHLD;`, `ulimit -Sn 30;`, `exec 0<&-;`, `exec 5</dev/null;`} {
		run := func(command string) string {
			cmd := exec.Command("/bin/sh", "-c", state+command, path, look)
			cmd.Env = []string{"A=1", "GOTRACEBACK=all", "A=2", "PATH=" + os.Getenv("PATH")}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %s", state, err, out)
			}
			return string(out)
		}
		want, got := run(`exec /bin/sh -c "$1"`), run(`exec "$0" exec /bin/sh -c "$1"`)
		if got != want || !strings.Contains(want, "SigIgn") {
			t.Errorf("%q: without and with a Go program before it:\n%s\n%s", state, want, got)
		}
	}
}

// TestLastWords: if the runtime gives up it says why in one line, unless all is asked for.
func TestLastWords(t *testing.T) {
	end := func(path string, args ...string) (code int, stderr string) {
		cmd := exec.Command(path, args...)
		var out bytes.Buffer
		cmd.Stderr = &out
		err := cmd.Run()
		if e := (*exec.ExitError)(nil); err != nil && !errors.As(err, &e) {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), out.String()
	}
	path := program(t, entry)
	long := strings.Repeat("x", 1000)
	if code, said := end(path, "panic", long); code != 125 || strings.Count(said, "\n") != 1 || len(said) > 400 ||
		!strings.HasPrefix(said, "worker-wrap: panic: xxx") || !strings.Contains(said, "please report it") {
		t.Errorf("a panic: exit code %d, %q", code, said)
	}
	if code, said := end(path, "trace", "why"); code != 2 || !strings.Contains(said, "panic: why\n") || !strings.Contains(said, "main.main()") {
		t.Errorf("a panic with traces: exit code %d, %q", code, said)
	}
	if code, said := end(program(t, ""), "panic", "why"); code != 2 || !strings.Contains(said, "panic: why\n") {
		t.Errorf("a panic without entry: exit code %d, %q", code, said)
	}
	for _, limit := range []string{"ulimit -v 100000", "ulimit -v 700000", "ulimit -d 3000"} {
		code, said := end("/bin/sh", "-c", limit+`; exec "$0" show`, path)
		if code != 125 || strings.Count(said, "\n") != 1 || !strings.Contains(said, "memory") || !strings.Contains(said, "raise the limits") {
			t.Errorf("%s: exit code %d, %q", limit, code, said)
		}
	}
}

// TestLastWordsAreOneWrite: so two processes that give up at the same moment do not write into each other's line. A
// socket that keeps what each call writes by itself shows it.
func TestLastWordsAreOneWrite(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	cmd := exec.Command(program(t, entry), "panic", "why")
	stderr := os.NewFile(uintptr(fds[1]), "stderr")
	cmd.Stderr = stderr
	err = cmd.Run()
	stderr.Close()
	if cmd.ProcessState.ExitCode() != 125 {
		t.Fatalf("it ended with %v", err)
	}
	packet := make([]byte, 1000)
	n, err := unix.Read(fds[0], packet)
	if said := string(packet[:max(n, 0)]); err != nil || !strings.HasPrefix(said, "worker-wrap: panic: why; ") || !strings.HasSuffix(said, "\n") {
		t.Errorf("the first write is %q (%v)", said, err)
	}
}

func TestRaise(t *testing.T) {
	cmd := exec.Command(program(t, entry), "raise")
	cmd.Dir = t.TempDir()
	_ = cmd.Run()
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGQUIT || status.CoreDump() {
		t.Errorf("it ended with %v, core %v; want SIGQUIT without a core file", cmd.ProcessState, status.CoreDump())
	}
}

// TestMainThread: whatever other goroutines do, main stays on the thread that has what the process was given, such as an
// order to die with its parent. So it is in a program built as Go has it, too.
func TestMainThread(t *testing.T) {
	for _, ldflags := range []string{"", entry} {
		if out, err := exec.Command(program(t, ldflags), "thread").CombinedOutput(); err != nil {
			t.Errorf("%q: %v: %s", ldflags, err, out)
		}
	}
}
