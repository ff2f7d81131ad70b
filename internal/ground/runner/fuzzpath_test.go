package runner

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzFromWorkerPath: a layout is of a runner that is there, which has the Worker's bin in it, and its folders follow
// from its .runner alone.
func FuzzFromWorkerPath(f *testing.F) {
	dir := f.TempDir()
	for _, sub := range []string{"a/bin", "a/bin.2.334.0", "b", "elsewhere/bin", "c/bin/deep"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			f.Fatal(err)
		}
	}
	err := errors.Join(
		os.Symlink("../a/bin.2.334.0", dir+"/b/bin"), os.Symlink("../../a/bin", dir+"/elsewhere/bin/to"), os.Symlink("loop", dir+"/loop"),
		os.WriteFile(dir+"/c/.runner", []byte(`{"workFolder":"../c-work/./x/"}`), 0o600),
	)
	if err != nil {
		f.Fatal(err)
	}
	f.Chdir(dir)
	for _, seed := range [][2]string{
		{"a/bin/Runner.Worker", "_work"},
		{"a/bin.2.334.0/Runner.Worker", "/data/work"},
		{"b/bin/Runner.Worker", "../.."},
		{"elsewhere/bin/to/Runner.Worker", "."},
		{"c/bin/Runner.Worker", "w"},
		{"c/bin/deep/../Runner.Worker", ""},
		{"a//bin/.//x", "\x00"},
		{"", "_work/"},
		{"../../../../../..", "//"},
		{"/", "a\nb"},
		{"loop/bin/x", "_work"},
		{"a/bin", "_work"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, path, work string) {
		data, err := json.Marshal(map[string]string{"workFolder": work})
		if err == nil {
			err = os.WriteFile(dir+"/a/.runner", data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := FromWorkerPath(path)
		if err != nil {
			if got != (Layout{}) || err.Error() == "" {
				t.Fatalf("%q: %+v, %v", path, got, err)
			}
			return
		}
		for _, p := range []string{got.Root, got.Work, got.Temp} {
			if !filepath.IsAbs(p) || filepath.Clean(p) != p || strings.Contains(p, "\x00") {
				t.Fatalf("%q gives %+v", path, got)
			}
		}
		// Two names up lies that runner, by the path itself or by where its bin leads.
		full := path
		if !filepath.IsAbs(full) {
			full = dir + "/" + full
		}
		bin := filepath.Dir(filepath.Clean(full))
		real, _ := filepath.EvalSymlinks(bin)
		if got.Root != filepath.Dir(bin) && got.Root != filepath.Dir(real) {
			t.Fatalf("%q gives %+v", path, got)
		}
		text, err := os.ReadFile(got.Root + "/.runner")
		if err != nil {
			t.Fatalf("%q gives %+v: %v", path, got, err)
		}
		var config struct{ WorkFolder string }
		if err := json.Unmarshal(text, &config); err != nil {
			t.Fatal(err)
		}
		want := filepath.Clean(config.WorkFolder)
		if !strings.HasPrefix(config.WorkFolder, "/") {
			want = filepath.Clean(got.Root + "/" + config.WorkFolder)
		}
		if got.Work != want || got.Temp != filepath.Clean(want+"/_temp") {
			t.Fatalf("%q, with the work folder %q, gives %+v", path, config.WorkFolder, got)
		}
		if _, err := os.Stat(filepath.Dir(bin) + "/.runner"); err == nil && got.Root != filepath.Dir(bin) {
			t.Fatalf("%q gives %+v, and there is a runner without following a link", path, got)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatalf("%q gives %+v: %v", path, got, err)
		}
	})
}
