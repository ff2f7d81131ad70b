package nsenter

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestIdentity: each id that the map of a user namespace has is mapped to itself, wherever it leads outside.
func TestIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "uid_map")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("         0     100000      65536\n     70000       1000          1\n")
	want := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 65536}, {ContainerID: 70000, HostID: 70000, Size: 1}}
	if got, err := identity(path); err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	write("0 100000\n")
	if got, err := identity(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("two numbers give %+v, %v", got, err)
	}
	if got, err := identity(path + "-none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file gives %+v, %v", got, err)
	}
}
