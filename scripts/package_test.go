//go:build !race

// Package scripts_test tests the scripts. Under the race detector it would do the same again.
package scripts_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// packages makes packages of this tree for the given architectures and returns their folder.
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

func one(t *testing.T, pattern string) string {
	t.Helper()
	match, err := filepath.Glob(pattern)
	if err != nil || len(match) != 1 {
		t.Fatalf("%s: %v (%v)", pattern, match, err)
	}
	return match[0]
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

// contents are what each package brings, but for the folders.
var contents = map[string][]string{
	"deb": {
		"/usr/bin/worker-wrap",
		"/usr/lib/worker-wrap/worker-wrap.packaged",
		"/usr/share/bash-completion/completions/worker-wrap",
		"/usr/share/doc/worker-wrap/README.md",
		"/usr/share/doc/worker-wrap/copyright",
		"/usr/share/fish/vendor_completions.d/worker-wrap.fish",
		"/usr/share/man/man8/worker-wrap.8.gz",
		"/usr/share/zsh/vendor-completions/_worker-wrap",
	},
	"rpm": {
		"/usr/bin/worker-wrap",
		"/usr/lib/worker-wrap/worker-wrap.packaged",
		"/usr/share/bash-completion/completions/worker-wrap",
		"/usr/share/doc/worker-wrap/README.md",
		"/usr/share/fish/vendor_completions.d/worker-wrap.fish",
		"/usr/share/licenses/worker-wrap/LICENSE",
		"/usr/share/man/man8/worker-wrap.8.gz",
		"/usr/share/zsh/site-functions/_worker-wrap",
	},
}

// TestPackages makes all six and looks into them.
func TestPackages(t *testing.T) {
	dpkgDeb := testkit.RequireTool(t, "dpkg-deb", "dpkg")
	rpm := testkit.RequireTool(t, "rpm", "rpm")
	out := packages(t, "1.2.3", "amd64", "arm64", "arm")
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
		if got := must(t, rpm, "-qp", "--qf", "%{NAME} %{VERSION} %{ARCH}", path); got != "worker-wrap 1.2.3 "+arch {
			t.Errorf("%s is %s", path, got)
		}
		compare(t, path, strings.Fields(must(t, rpm, "-qlp", path)), contents["rpm"])
		scripts := must(t, rpm, "-qp", "--scripts", path)
		for _, want := range []string{"postinstall scriptlet", "setcap cap_sys_admin+ep", "preuninstall scriptlet", "uninstall --all", "postuninstall scriptlet"} {
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

const (
	place = "/usr/lib/worker-wrap/worker-wrap"
	user  = "65534"
)

// inside is set in the test process that runs on a copy of this machine: the two packages to install.
const inside = "WORKER_WRAP_TEST_PACKAGES"

// TestDebInstalls installs the package, upgrades it and takes it away again, all by dpkg, on a copy of
// this machine that is thrown away.
func TestDebInstalls(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "dpkg", "dpkg")
	testkit.RequireTool(t, "getcap", "libcap2-bin")
	testkit.RequireTool(t, "man", "man-db")
	testkit.RequireTool(t, "setpriv", "util-linux")
	if debs := os.Getenv(inside); debs != "" {
		old, next, _ := strings.Cut(debs, " ")
		life(t, old, next)
		return
	}
	old := one(t, filepath.Join(packages(t, "1.0.0", runtime.GOARCH), "*.deb"))
	next := one(t, filepath.Join(packages(t, "1.1.0", runtime.GOARCH), "*.deb"))
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(filepath.Dir(next), "test") // /tmp is not in the copy
	if err := os.WriteFile(again, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("lib/scratch-machine", again, "-test.run=^TestDebInstalls$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"="+old+" "+next)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestDebInstalls") {
		t.Errorf("on a copy of this machine: %v\n%s", err, out)
	}
	if _, err := os.Lstat(place); err == nil {
		t.Errorf("%s is on this machine itself", place)
	}
}

// life is all that happens to the package.
func life(t *testing.T, old, next string) {
	before := traces(t)
	install(t, old, "1.0.0")
	if st, err := os.Stat(place); err != nil || st.Mode() != 0o755 {
		t.Errorf("%v, %v", st, err)
	}
	if out := must(t, "man", "-w", "worker-wrap"); !strings.HasPrefix(out, "/usr/share/man/man8/worker-wrap.8") {
		t.Errorf("man -w: %s", out)
	}
	for _, path := range contents["deb"] {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	isolates(t)

	// An upgrade replaces the binary in one step: at no moment is it missing or without its capability.
	stop, watched := make(chan struct{}), make(chan []string)
	go func() { watched <- watch(stop) }()
	install(t, next, "1.1.0")
	close(stop)
	if bad := <-watched; len(bad) > 0 {
		t.Errorf("during the upgrade: %q", bad)
	}
	isolates(t)

	if out, err := run("dpkg", "-r", "worker-wrap"); err != nil || strings.Contains(out, "not empty") {
		t.Fatalf("dpkg -r: %v\n%s", err, out)
	}
	must(t, "dpkg", "--purge", "worker-wrap")
	compare(t, "after the removal this machine", traces(t), before)
}

func install(t *testing.T, deb, version string) {
	t.Helper()
	must(t, "dpkg", "-i", deb)
	if out := must(t, "worker-wrap", "--version"); !strings.HasPrefix(out, "worker-wrap "+version+" ") {
		t.Errorf("worker-wrap --version: %s", out)
	}
	if out := must(t, testkit.RequireTool(t, "getcap", "libcap2-bin"), place); strings.TrimSpace(out) != place+" cap_sys_admin=ep" {
		t.Errorf("getcap: %q", out)
	}
}

// isolates runs a command as an ordinary user with a _temp of its own, by the installed program.
func isolates(t *testing.T) {
	t.Helper()
	temp := filepath.Join(testkit.Dir(t), "work", "_temp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{temp, filepath.Dir(temp)} {
		if err := os.Chown(dir, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	out := must(t, "setpriv", "--reuid", user, "--regid", user, "--clear-groups",
		"worker-wrap", "--temp", temp, "--", "sh", "-c", "echo x >"+temp+"/inside && ls "+temp)
	if _, err := os.Stat(filepath.Join(temp, "inside")); out != "inside\n" || err == nil {
		t.Errorf("not isolated: %q, %v", out, err)
	}
}

// watch notes each state of the installed binary other than "there, and with a capability".
func watch(stop chan struct{}) []string {
	var bad []string
	for {
		select {
		case <-stop:
			return bad
		default:
		}
		if state := capability(); state != "" && !slices.Contains(bad, state) {
			bad = append(bad, state)
		}
	}
}

// traces lists what on this machine has worker-wrap's name, where packages put things.
func traces(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, top := range []string{"/usr", "/etc", "/lib/systemd", "/var/lib"} {
		err := filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return nil // gone meanwhile
			}
			if strings.Contains(filepath.Base(path), "worker-wrap") {
				out = append(out, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestMaintainerScriptsAreQuietOnUpgrades runs them as rpm does, with counts of versions, where nothing is
// to happen.
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
