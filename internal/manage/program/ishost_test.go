package program

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestIsHost: only .NET's host program that is bound to the Worker's assembly is the runner's own Worker for sure.
func TestIsHost(t *testing.T) {
	const name = "Runner.Worker.dll"
	host := testkit.Host(t, "")
	bound := func(to string) []byte {
		field := append([]byte(to), make([]byte, 1024-len(to))...)
		return bytes.Replace(bytes.Clone(host), append([]byte(name), make([]byte, 1024-len(name))...), field, 1)
	}
	sh, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	field := "\x00" + name + strings.Repeat("\x00", 1024)
	for what, test := range map[string]struct {
		data []byte
		want bool
	}{
		"the host":                            {host, true},
		"a script behind it":                  {testkit.Host(t, "exit 3"), true},
		"bound to another assembly":           {bound("My.Runner.Worker.dll"), false},
		"bound to one in a folder":            {bound("lib/Runner.Worker.dll"), false},
		"not bound":                           {bound("c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2"), false},
		"the name within another string":      {bound("Runner.Worker.dll is what it starts"), false},
		"cut short":                           {host[:len(host)/3], false},
		"a script":                            {[]byte("#!/bin/sh\nexec dotnet bin/Runner.Worker.dll\n" + field), false},
		"a program with the field at its end": {append(bytes.Clone(sh), field...), false},
		"another program":                     {sh, false},
		"empty":                               {nil, false},
	} {
		path := filepath.Join(t.TempDir(), "Runner.Worker")
		if err := os.WriteFile(path, test.data, 0o755); err != nil {
			t.Fatal(err)
		}
		if IsHost(path) != test.want {
			t.Errorf("%s: %v", what, !test.want)
		}
	}
	if IsHost(t.TempDir()) || IsHost("/nonexistent") || IsHost(testkit.Binary(t)) {
		t.Error("a folder, nothing, or worker-wrap is the runner's own Worker")
	}
}
