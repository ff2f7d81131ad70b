package runner

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// aRelease is an unpacked release, whose bin is a link as after an update.
func aRelease(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	err := errors.Join(os.Mkdir(root+"/bin.2.336.0", 0o755), os.Symlink("bin.2.336.0", root+"/bin"), os.WriteFile(root+"/run.sh", []byte("#!/bin/bash\n"), 0o755))
	for _, name := range []string{ListenerName, WorkerName} {
		err = errors.Join(err, os.WriteFile(filepath.Join(root, "bin", name), []byte("\x7fELF\x02"), 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestIsRelease: run.sh and both programs make a release, also if the Worker is kept beside a link that leads nowhere;
// nothing else is taken for one, and nobody waits for a FIFO.
func TestIsRelease(t *testing.T) {
	wrap := func(root string) error {
		worker := filepath.Join(root, "bin", WorkerName)
		return errors.Join(os.Rename(worker, filepath.Join(root, "bin", RealWorkerName)), os.Symlink("/nonexistent/worker-wrap", worker))
	}
	wrapListener := func(root string) error { // another tool's
		listener := filepath.Join(root, "bin", ListenerName)
		return errors.Join(os.Rename(listener, listener+".real"), os.WriteFile(listener, []byte("#!/bin/sh\n"), 0o755))
	}
	instead := func(name string, put func(string) error) func(string) error {
		return func(root string) error {
			path := filepath.Join(root, name)
			return errors.Join(os.Remove(path), put(path))
		}
	}
	nothing := func(string) error { return nil }
	script := func(path string) error { return os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755) }
	fifo := func(path string) error { return unix.Mkfifo(path, 0o644) }
	for name, test := range map[string]struct {
		change func(string) error
		want   bool
	}{
		"as unpacked": {nothing, true}, "wrapped": {wrap, true}, "a wrapped Listener": {wrapListener, true},
		"no run.sh": {instead("run.sh", nothing), false}, "run.sh a FIFO": {instead("run.sh", fifo), false},
		"no Listener": {instead("bin/"+ListenerName, nothing), false}, "a script for it": {instead("bin/"+ListenerName, script), false},
		"no Worker": {instead("bin/"+WorkerName, nothing), false}, "a script for that": {instead("bin/"+WorkerName, script), false}, "a FIFO for that": {instead("bin/"+WorkerName, fifo), false},
	} {
		root := aRelease(t)
		if err := test.change(root); err != nil {
			t.Fatal(err)
		}
		if IsRelease(root) != test.want {
			t.Errorf("%s: %v", name, !test.want)
		}
		if l, err := FromRelease(root); (err == nil) != test.want || test.want && (l != Unconfigured(root)) || !test.want && !Missing(err) {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// TestConfiguredRelease: as soon as there is a .runner that tells, also that it makes no sense.
func TestConfiguredRelease(t *testing.T) {
	root := aRelease(t)
	place(t, root, `{"workFolder":"w"}`)
	if l, err := FromRelease(root); err != nil || l.Guessed || l.Work != root+"/w" {
		t.Errorf("%+v, %v", l, err)
	}
	place(t, root, "{")
	if l, err := FromRelease(root); err == nil || Missing(err) {
		t.Errorf("%+v, %v", l, err)
	}
}
