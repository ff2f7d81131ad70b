package testkit

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var host struct {
	sync.Once
	program []byte
	err     error
	out     []byte
}

// Host returns a program that runs a shell script, whose $0 is argv[0]. To whoever checks the file it is the runner's
// own Worker.
func Host(t testing.TB, script string) []byte {
	t.Helper()
	gcc := RequireTool(t, "gcc", "gcc libc6-dev")
	host.Do(func() {
		dir, err := os.MkdirTemp("", "worker-wrap-host-")
		if err != nil {
			host.err = err
			return
		}
		defer os.RemoveAll(dir)
		path := filepath.Join(dir, "host")
		if host.out, host.err = exec.Command(gcc, "-O1", "-o", path, filepath.Join(Root(), "internal", "testkit", "testdata", "host.c")).CombinedOutput(); host.err == nil {
			host.program, host.err = os.ReadFile(path)
		}
	})
	if host.err != nil {
		t.Fatalf("%v\n%s", host.err, host.out)
	}
	data := append([]byte{}, host.program...)
	return binary.NativeEndian.AppendUint32(append(data, script...), uint32(len(script)))
}
