package testkit

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// compiled has, by source, functions that compile each once.
var compiled sync.Map

// Compile returns the program that gcc makes of a C source. It compiles each source once in a process, with the flags of
// the first call.
func Compile(t testing.TB, source string, flags ...string) []byte {
	t.Helper()
	gcc := RequireTool(t, "gcc", "gcc libc6-dev")
	build, _ := compiled.LoadOrStore(source, sync.OnceValues(func() ([]byte, error) {
		dir, err := os.MkdirTemp("", "worker-wrap-compiled-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "program")
		if out, err := exec.Command(gcc, append(flags, "-o", path, source)...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("gcc: %w\n%s", err, out)
		}
		return os.ReadFile(path)
	}))
	program, err := build.(func() ([]byte, error))()
	if err != nil {
		t.Fatal(err)
	}
	return program
}

// Host returns a program that runs a shell script, whose $0 is argv[0]. To whoever checks the file it is the runner's
// own Worker.
func Host(t testing.TB, script string) []byte {
	t.Helper()
	data := append([]byte{}, Compile(t, filepath.Join(Root(), "internal", "testkit", "testdata", "host.c"), "-O1")...)
	return binary.NativeEndian.AppendUint32(append(data, script...), uint32(len(script)))
}
