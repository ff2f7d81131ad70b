package runner

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const config = "\ufeff{\n  \"AgentId\": 1,\n  \"workFolder\": \"_work\"\n}"

func TestParseWorkFolder(t *testing.T) {
	for data, want := range map[string]string{
		config: "_work", `{"WORKFOLDER":"/data/w"}`: "/data/w", `{"workFolder":"a","WorkFolder":"b"}`: "b", `{"workFolder":"ü\n"}`: "ü\n",
		"": "error", "\ufeff": "error", "{}": "error", `{"workFolder":""}`: "error", `{"workFolder":null}`: "error", `{"workFolder":1}`: "error",
		`{"workFolder":"a\u0000b"}`: "error", `{"workFolder":"a"`: "error", `[]`: "error", "\ufeff\ufeff{}": "error", `{"workFolder":"a"}x`: "error",
	} {
		got, err := parseWorkFolder([]byte(data))
		if (err != nil) != (want == "error") || err == nil && got != want {
			t.Errorf("%q: %q, %v, want %q", data, got, err, want)
		}
	}
}

// place makes a folder with a .runner.
func place(t *testing.T, root, data string) {
	t.Helper()
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, ConfigName), []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestFromWorkerPath: bin as a folder, as a link beside its target, and as one that leads to another place.
func TestFromWorkerPath(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root, elsewhere := filepath.Join(dir, "runner"), filepath.Join(dir, "elsewhere")
	place(t, root, config)
	for _, err := range []error{
		os.Mkdir(root+"/bin.2.336.0", 0o755), os.Symlink("bin.2.336.0", root+"/bin"), os.Mkdir(elsewhere, 0o755), os.Symlink(root+"/bin.2.336.0", elsewhere+"/bin"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := Layout{Root: root, Work: root + "/_work", Temp: root + "/_work/_temp"}
	for _, path := range []string{root + "/bin/Runner.Worker", root + "/bin.2.336.0/Runner.Worker", elsewhere + "/bin/Runner.Worker", root + "/bin/../bin/Runner.Worker"} {
		if got, err := FromWorkerPath(path); err != nil || got != want {
			t.Errorf("%s: %+v, %v", path, got, err)
		}
	}
	if _, err := FromWorkerPath(dir + "/nowhere/bin/Runner.Worker"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no runner: %v", err)
	}
	if got, err := FindUp(root + "/bin/a/b"); err != nil || got != want {
		t.Errorf("upwards: %+v, %v", got, err)
	}
	place(t, root, `{"workFolder":"../x/./w/"}`)
	if got, err := FromRoot(root); err != nil || got.Work != dir+"/x/w" {
		t.Errorf("relative: %+v, %v", got, err)
	}
}

// TestFromRootRefuses: what is no configuration is an error that names the file, and nobody waits for it.
func TestFromRootRefuses(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, ConfigName)
	for name, put := range map[string]func() error{
		"FIFO": func() error { return unix.Mkfifo(path, 0o644) }, "folder": func() error { return os.Mkdir(path, 0o755) },
		"device": func() error { return os.Symlink("/dev/zero", path) }, "not JSON": func() error { return os.WriteFile(path, []byte("workFolder=_work"), 0o644) },
		"too long": func() error { return os.WriteFile(path, make([]byte, maxConfig+1), 0o644) }, "loop": func() error { return os.Symlink(ConfigName, path) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if _, err := FromRoot(root); err == nil || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFolderThatIsGone: a path below a working directory that was removed leads nowhere.
func TestFolderThatIsGone(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(gone, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(gone)
	if err := os.Remove(gone); err != nil {
		t.Fatal(err)
	}
	for name, find := range map[string]func(string) (Layout, error){"FromRoot": FromRoot, "FromWorkerPath": FromWorkerPath, "FindUp": FindUp} {
		if layout, err := find("below"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %+v, %v", name, layout, err)
		}
	}
}

// TestAdvise: each reason that a folder has no layout has its own way out, and Root is the folder.
func TestAdvise(t *testing.T) {
	root := t.TempDir()
	for config, want := range map[string]string{"": "give the folder that config.sh was run in", "{": "configure the runner again", "{}": "configure the runner again"} {
		if config != "" {
			place(t, root, config)
		}
		_, err := FromRoot(root)
		broken := new(ConfigError)
		if !errors.As(err, &broken) || broken.Root != root || Missing(err) != (config == "") {
			t.Errorf("%q: %#v", config, err)
		}
		said := Advise(err).Error()
		if !strings.HasPrefix(said, err.Error()) || !strings.Contains(said, want) || config != "" && strings.Contains(said, "not a configured runner") {
			t.Errorf("%q: %s", config, said)
		}
		if err := os.RemoveAll(filepath.Join(root, ConfigName)); err != nil {
			t.Fatal(err)
		}
	}
	if said := Advise(&ConfigError{root, fs.ErrPermission}).Error(); !strings.Contains(said, "sudo") || strings.Contains(said, "config.sh") {
		t.Error(said)
	}
	if _, err := FromRoot("/dev/null"); !Missing(err) {
		t.Errorf("a file: %v", err)
	}
	if err := errors.New("x"); Advise(err) != err {
		t.Error("advice on another error")
	}
}

// TestHasWorker: a bin folder, or one of a version, with a Worker or what stands in its place, if only a link that
// leads nowhere.
func TestHasWorker(t *testing.T) {
	for path, want := range map[string]bool{
		"bin/Runner.Worker": true, "bin/Runner.Worker.real": true, "bin.2.336.0/Runner.Worker": true, "bin/x": false, "binaries/Runner.Worker": false, "Runner.Worker": false,
	} {
		root := t.TempDir()
		at := filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.Symlink("nowhere", at)); err != nil {
			t.Fatal(err)
		}
		if HasWorker(root) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	if HasWorker("/nonexistent") {
		t.Error("no folder")
	}
}
