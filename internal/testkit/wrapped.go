package testkit

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Runner makes a scratch runner below dir. Its bin/Runner.Worker is a link to binary, and its own Worker,
// Runner.Worker.real, a copy of the program worker. It returns the runner's root and the path of the Worker as a
// Listener starts it.
func Runner(t testing.TB, dir, binary, worker string) (root, path string) {
	t.Helper()
	root = filepath.Join(dir, "runner")
	bin := filepath.Join(root, "bin")
	for _, d := range []string{bin, filepath.Join(root, "_diag")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := "\ufeff{\n  \"AgentId\": 1,\n  \"workFolder\": \"_work\"\n}"
	if err := os.WriteFile(filepath.Join(root, ".runner"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	CopyProgram(t, worker, filepath.Join(bin, "Runner.Worker.real"))
	path = filepath.Join(bin, "Runner.Worker")
	if err := os.Symlink(binary, path); err != nil {
		t.Fatal(err)
	}
	return root, path
}

// Process is a wrapped process that a test started.
type Process struct {
	*exec.Cmd
	// Host is the process's private folder.
	Host string

	in  io.WriteCloser
	out *bufio.Reader
	err *bytes.Buffer
}

// Shell starts path, which the shim stands at, with the arguments given, and talks to the shell that it
// must become: for a Worker use /bin/sh as the runner's own. The shell ends with the test.
func Shell(t testing.TB, path string, args ...string) *Process {
	t.Helper()
	p := &Process{Cmd: exec.Command(path, args...), err: &bytes.Buffer{}}
	p.Stderr = p.err
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.End)
	p.Host = p.Do(t, `echo "$WORKER_WRAP_HOST_TEMP"`)
	return p
}

// Do makes the shell run one command line, and returns what it printed, less the last newline.
func (p *Process) Do(t testing.TB, command string) string {
	t.Helper()
	const end = "--end-of-output--"
	if _, err := io.WriteString(p.in, command+"\necho "+end+"\n"); err != nil {
		t.Fatalf("%v; stderr: %s", err, p.err)
	}
	var b strings.Builder
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			t.Fatalf("the wrapped shell ended: %v; stderr: %s", err, p.err)
		}
		if strings.HasSuffix(line, end+"\n") {
			b.WriteString(strings.TrimSuffix(line, end+"\n"))
			return strings.TrimSuffix(b.String(), "\n")
		}
		b.WriteString(line)
	}
}

// End closes the shell's input and waits for its end.
func (p *Process) End() {
	p.in.Close()
	_ = p.Wait()
}
