//go:build !race

// Package scripts_test tests the scripts. Under the race detector it would do the same again.
package scripts_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// packages makes packages of this tree for the given architectures and returns their folder, which lasts as
// long as the test t.
func packages(t *testing.T, version string, arches ...string) string {
	t.Helper()
	out := testkit.Dir(t)
	cmd := exec.Command("scripts/package", append([]string{"-o", out}, arches...)...)
	cmd.Dir = testkit.Root()
	cmd.Env = append(os.Environ(), "VERSION="+version)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("scripts/package: %v\n%s", err, said)
	}
	return out
}

// run runs a program and returns what it says on both outputs.
func run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := run(name, args...)
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

// contents are what each package brings; of folders, those that an rpm says are its own.
var contents = map[string][]string{
	"deb": {
		"/usr/bin/worker-wrap",
		"/usr/lib/systemd/system/worker-wrap-figures.service",
		"/usr/lib/systemd/system/worker-wrap-figures.timer",
		"/usr/lib/systemd/system/worker-wrap@.path",
		"/usr/lib/systemd/system/worker-wrap@.service",
		"/usr/lib/worker-wrap/actions.runner.worker-wrap.service.template",
		"/usr/lib/worker-wrap/runsvc-worker-wrap.sh",
		"/usr/lib/worker-wrap/worker-wrap.packaged",
		"/usr/share/bash-completion/completions/worker-wrap",
		"/usr/share/doc/worker-wrap/CHANGELOG.md",
		"/usr/share/doc/worker-wrap/README.md",
		"/usr/share/doc/worker-wrap/copyright",
		"/usr/share/doc/worker-wrap/docs/alone.md",
		"/usr/share/doc/worker-wrap/docs/apparmor.md",
		"/usr/share/doc/worker-wrap/docs/commands.md",
		"/usr/share/doc/worker-wrap/docs/development.md",
		"/usr/share/doc/worker-wrap/docs/docker.md",
		"/usr/share/doc/worker-wrap/docs/figures.md",
		"/usr/share/doc/worker-wrap/docs/grafana.json",
		"/usr/share/doc/worker-wrap/docs/how-it-works.md",
		"/usr/share/doc/worker-wrap/docs/image.md",
		"/usr/share/doc/worker-wrap/docs/install.md",
		"/usr/share/doc/worker-wrap/docs/jobs.md",
		"/usr/share/doc/worker-wrap/docs/left.md",
		"/usr/share/doc/worker-wrap/docs/security.md",
		"/usr/share/doc/worker-wrap/docs/settings.md",
		"/usr/share/doc/worker-wrap/docs/troubleshooting.md",
		"/usr/share/doc/worker-wrap/docs/units.md",
		"/usr/share/doc/worker-wrap/docs/workers-place.md",
		"/usr/share/fish/vendor_completions.d/worker-wrap.fish",
		"/usr/share/man/man8/worker-wrap.8.gz",
		"/usr/share/zsh/vendor-completions/_worker-wrap",
	},
	"rpm": {
		"/usr/bin/worker-wrap",
		"/usr/lib/systemd/system/worker-wrap-figures.service",
		"/usr/lib/systemd/system/worker-wrap-figures.timer",
		"/usr/lib/systemd/system/worker-wrap@.path",
		"/usr/lib/systemd/system/worker-wrap@.service",
		"/usr/lib/worker-wrap",
		"/usr/lib/worker-wrap/actions.runner.worker-wrap.service.template",
		"/usr/lib/worker-wrap/runsvc-worker-wrap.sh",
		"/usr/lib/worker-wrap/worker-wrap.packaged",
		"/usr/share/bash-completion/completions/worker-wrap",
		"/usr/share/doc/worker-wrap",
		"/usr/share/doc/worker-wrap/CHANGELOG.md",
		"/usr/share/doc/worker-wrap/README.md",
		"/usr/share/doc/worker-wrap/docs",
		"/usr/share/doc/worker-wrap/docs/alone.md",
		"/usr/share/doc/worker-wrap/docs/apparmor.md",
		"/usr/share/doc/worker-wrap/docs/commands.md",
		"/usr/share/doc/worker-wrap/docs/development.md",
		"/usr/share/doc/worker-wrap/docs/docker.md",
		"/usr/share/doc/worker-wrap/docs/figures.md",
		"/usr/share/doc/worker-wrap/docs/grafana.json",
		"/usr/share/doc/worker-wrap/docs/how-it-works.md",
		"/usr/share/doc/worker-wrap/docs/image.md",
		"/usr/share/doc/worker-wrap/docs/install.md",
		"/usr/share/doc/worker-wrap/docs/jobs.md",
		"/usr/share/doc/worker-wrap/docs/left.md",
		"/usr/share/doc/worker-wrap/docs/security.md",
		"/usr/share/doc/worker-wrap/docs/settings.md",
		"/usr/share/doc/worker-wrap/docs/troubleshooting.md",
		"/usr/share/doc/worker-wrap/docs/units.md",
		"/usr/share/doc/worker-wrap/docs/workers-place.md",
		"/usr/share/fish/vendor_completions.d/worker-wrap.fish",
		"/usr/share/licenses/worker-wrap",
		"/usr/share/licenses/worker-wrap/LICENSE",
		"/usr/share/man/man8/worker-wrap.8.gz",
		"/usr/share/zsh/site-functions/_worker-wrap",
	},
}

// TestPackages makes a release, looks into it, and installs one package of each kind.
func TestPackages(t *testing.T) {
	t.Parallel() // builds, while the systemds of other tests wait
	out := release(t, "1.2.3")
	t.Run("contents", func(t *testing.T) { testContents(t, out) })
	t.Run("release", func(t *testing.T) { testRelease(t, out) })
	t.Run("life", func(t *testing.T) { testLife(t, out) })
}

func testContents(t *testing.T, out string) {
	dpkgDeb := testkit.RequireTool(t, "dpkg-deb", "dpkg")
	rpm, database := testkit.RequireTool(t, "rpm", "rpm"), t.TempDir() // not in the home folder of whoever tests
	query := func(args ...string) string {
		t.Helper()
		return must(t, rpm, append([]string{"--dbpath", database, "-qp"}, args...)...)
	}
	for _, arch := range []string{"amd64", "arm64", "armhf"} {
		path := filepath.Join(out, "worker-wrap_1.2.3-1_"+arch+".deb")
		if got := strings.TrimSpace(must(t, dpkgDeb, "-f", path, "Architecture")); got != arch {
			t.Errorf("%s is for %s", path, got)
		}
		var files []string
		for line := range strings.Lines(must(t, dpkgDeb, "-c", path)) {
			f := strings.Fields(line)
			if name := strings.TrimPrefix(f[5], "."); !strings.HasSuffix(name, "/") {
				files = append(files, name)
			}
			if f[1] != "root/root" {
				t.Errorf("%s: not root's: %s", path, line)
			}
		}
		compare(t, path, files, contents["deb"])
	}
	for _, arch := range []string{"x86_64", "aarch64", "armv7hl"} {
		path := filepath.Join(out, "worker-wrap-1.2.3-1."+arch+".rpm")
		if got := query("--qf", "%{NAME} %{VERSION} %{ARCH}", path); got != "worker-wrap 1.2.3 "+arch {
			t.Errorf("%s is %s", path, got)
		}
		compare(t, path, strings.Fields(query("-l", path)), contents["rpm"])
		scripts := query("--scripts", path)
		for _, want := range []string{"postinstall scriptlet", "__place", "preuninstall scriptlet", "uninstall --all", "postuninstall scriptlet"} {
			if !strings.Contains(scripts, want) {
				t.Errorf("%s has no %q in its scripts:\n%s", path, want, scripts)
			}
		}
	}
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s has\n\t%s\nand should have\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestMaintainerScriptsAreQuietOnUpgrades runs them as rpm does, with counts of versions, when nothing is to happen.
func TestMaintainerScriptsAreQuietOnUpgrades(t *testing.T) {
	for _, test := range [][]string{
		{"prerm", "upgrade", "2.0"},
		{"prerm", "failed-upgrade", "2.0"},
		{"prerm", "deconfigure", "in-favour", "x"},
		{"prerm", "1"},
		{"postrm", "upgrade", "2.0"},
		{"postrm", "abort-upgrade"},
		{"postrm", "1"},
	} {
		cmd := exec.Command("sh", append([]string{"-x", filepath.Join("package.d", test[0])}, test[1:]...)...)
		var trace bytes.Buffer
		cmd.Stderr = &trace
		out, err := cmd.Output()
		if err != nil || len(out) > 0 || strings.Contains(trace.String(), "rm -f") || strings.Contains(trace.String(), "uninstall") {
			t.Errorf("%q: %v\n%s%s", test, err, out, trace.String())
		}
	}
}

// TestPrermWithDamagedBinary: a package goes only if its binary, or the copy that it brought, has given the runners their
// Workers back. A shell runs a file of nothing, and ends well.
func TestPrermWithDamagedBinary(t *testing.T) {
	const (
		whole = "#!/bin/sh\n[ $1 != --version ] || { echo worker-wrap 1; exit; }\necho did $*\n"
		copy  = "#!/bin/sh\ncp ../whole $2\n"
	)
	text, err := os.ReadFile(filepath.Join("package.d", "prerm"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		placed, packaged, listed string
		code                     int
		says                     string
	}{
		"whole":                        {whole, "", "", 0, "did uninstall --all\n"},
		"empty":                        {"", copy, "/srv/r\n", 0, "did uninstall --all\n"},
		"both, with runners":           {"", "", "/srv/r\n", 1, "worker-wrap: not removed"},
		"both, of another machine":     {"\x7fELF", "\x7fELF", "/srv/r\n", 1, "worker-wrap: not removed"},
		"both, without runners":        {"", "", "", 0, ""},
		"one that ends well and early": {"#!/bin/sh\n", "", "/srv/r\n", 1, "worker-wrap: not removed"},
	} {
		dir := t.TempDir()
		lib, list := filepath.Join(dir, "lib"), filepath.Join(dir, "runners")
		if err := os.Mkdir(lib, 0o755); err != nil {
			t.Fatal(err)
		}
		script := strings.NewReplacer("dir=/usr/lib/worker-wrap\n", "dir="+lib+"\n", "/var/lib/worker-wrap/runners", list, "/run/systemd/system", "/nonexistent").Replace(string(text))
		for path, data := range map[string]string{
			filepath.Join(dir, "prerm"): script, filepath.Join(dir, "whole"): whole, list: c.listed,
			filepath.Join(lib, "worker-wrap"): c.placed, filepath.Join(lib, "worker-wrap.packaged"): c.packaged,
		} {
			if err := os.WriteFile(path, []byte(data), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("sh", filepath.Join(dir, "prerm"), "remove")
		cmd.Dir = lib
		out, err := cmd.CombinedOutput()
		_, gone := os.Lstat(filepath.Join(lib, "worker-wrap"))
		if cmd.ProcessState.ExitCode() != c.code || !strings.Contains(string(out), c.says) || (gone != nil) != (c.code == 0) {
			t.Errorf("%s: %v, gone %v\n%s", name, err, gone != nil, out)
		}
	}
}
