//go:build !race

package scripts_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// release makes all of a release and returns its folder.
func release(t *testing.T, version string) string {
	t.Helper()
	out := testkit.Dir(t)
	cmd := exec.Command("scripts/release", "-o", out, version)
	cmd.Dir = testkit.Root()
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("scripts/release: %v\n%s", err, said)
	}
	return out
}

// testRelease holds what scripts/release has made to what it says: all is in the checksums, has the version, and is the
// same when it is made again.
func testRelease(t *testing.T, out string) {
	check := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	check.Dir = out
	said, err := check.Output()
	entries, derr := os.ReadDir(out)
	if err != nil || derr != nil || strings.Count(string(said), ": OK\n") != len(entries)-1 {
		t.Errorf("of %d files: %v, %v\n%s", len(entries), err, derr, said)
	}
	if len(entries) != 3*3+3 {
		t.Errorf("%d files, want three packages for each of three architectures, an SBOM, notes and checksums", len(entries))
	}
	if notes, err := os.ReadFile(filepath.Join(out, "RELEASE_NOTES.md")); err != nil || !strings.HasPrefix(string(notes), "# worker-wrap 1.2.3\n\n") || !strings.Contains(string(notes), "\n- ") {
		t.Errorf("%v: %.100q", err, notes)
	}

	data, err := os.ReadFile(filepath.Join(out, "worker-wrap-1.2.3.spdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sbom struct {
		Packages []struct {
			Name, VersionInfo, PackageFileName string
		}
	}
	if err := json.Unmarshal(data, &sbom); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, p := range sbom.Packages {
		found[p.Name] = true
		if p.PackageFileName != "" && p.VersionInfo != "1.2.3" {
			t.Errorf("%+v", p)
		}
	}
	for _, want := range []string{"worker-wrap-amd64", "worker-wrap-arm64", "worker-wrap-arm", "stdlib", "github.com/urfave/cli/v2"} {
		if !found[want] {
			t.Errorf("the SBOM has no %s", want)
		}
	}

	name := "worker-wrap-1.2.3-linux-" + runtime.GOARCH
	dir := testkit.Dir(t)
	must(t, "tar", "-xzf", filepath.Join(out, name+".tar.gz"), "-C", dir)
	for _, want := range []string{"LICENSE", "README.md", "worker-wrap.8.gz", "completions/worker-wrap.bash", "docs/install.md", "runsvc-worker-wrap.sh"} {
		if _, err := os.Stat(filepath.Join(dir, name, want)); err != nil {
			t.Error(err)
		}
	}
	if said := must(t, filepath.Join(dir, name, "worker-wrap"), "version"); !strings.HasPrefix(said, "worker-wrap 1.2.3 (commit ") {
		t.Errorf("%s", said)
	}

	again := packages(t, "1.2.3", runtime.GOARCH)
	made, err := os.ReadDir(again)
	if err != nil || len(made) != 3 {
		t.Errorf("made again: %v, %v", made, err)
	}
	for _, e := range made {
		first, err := os.ReadFile(filepath.Join(out, e.Name()))
		second, serr := os.ReadFile(filepath.Join(again, e.Name()))
		if err != nil || serr != nil || !bytes.Equal(first, second) {
			t.Errorf("%s: other bytes when it is made again (%v, %v)", e.Name(), err, serr)
		}
	}
}

// TestReleaseRefuses a version that packages cannot have, and a folder that has something else.
func TestReleaseRefuses(t *testing.T) {
	full := testkit.Dir(t)
	if err := os.WriteFile(full+"/mine", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"usage: scripts/release": {"v1.2.3"}, "usage: scripts/release [-o DIR] VERSION": {}, "is there already and not empty": {"-o", full, "1.2.3"},
	} {
		if said, err := run(filepath.Join(testkit.Root(), "scripts/release"), args...); err == nil || !strings.Contains(said, want) || strings.Count(said, "\n") != 1 {
			t.Errorf("%q: %v, %q", args, err, said)
		}
	}
}
