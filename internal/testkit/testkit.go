// Package testkit is what the project's tests share: skips that CI turns into failures, the shim built once as users
// get it, and scratch folders that an ordinary user can reach. It checks that a test left no mount, network interface
// or descriptor behind.
//
// It is for tests only; nothing outside _test.go files imports it.
package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// StrictVar is the variable that turns every skip into a failure. .ci/run sets it.
const StrictVar = "WORKER_WRAP_TEST_STRICT"

// Skip ends the test as skipped, or as failed if [StrictVar] is set: a machine that runs the whole suite must have what
// the suite needs.
func Skip(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(StrictVar) != "" {
		t.Fatalf("would skip, and "+StrictVar+" is set: "+format, args...)
	}
	t.Skipf(format, args...)
}

// RequireRoot skips unless the test runs as real root.
func RequireRoot(t testing.TB) {
	t.Helper()
	if os.Getuid() != 0 {
		Skip(t, "needs root")
	}
}

// RequireTool returns the path of a program, or skips, naming the Debian package that has it.
func RequireTool(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		for _, dir := range []string{"/usr/sbin", "/sbin"} {
			if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
				return p
			}
		}
		Skip(t, "needs %s (Debian package %s)", name, debianPackage)
	}
	return path
}

// Root returns the folder that holds the program's go.mod.
func Root() string { return root }

// root is asked for when the process begins, which go test does in the package's folder.
var root = func() string {
	dir, err := os.Getwd()
	for ; err == nil && dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "scripts", "build")); err == nil {
			return dir
		}
	}
	return "/" // in a guest
}()

// scratch is what the path of every folder that Dir makes begins with.
const scratch = "/var/tmp/worker-wrap-test-"

// scratchDirs are the folders that Dir made in this process.
var scratchDirs struct {
	sync.Mutex
	list []string
}

// Dir returns a scratch folder that every user of the machine can reach, unlike t.TempDir, and
// removes it, read-only parts included, when the test ends.
func Dir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(scratch), filepath.Base(scratch))
	if err != nil {
		t.Fatal(err)
	}
	scratchDirs.Lock()
	scratchDirs.list = append(scratchDirs.list, dir)
	scratchDirs.Unlock()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// A sweep or a proxy that was just told to end may still write its last event.
		var err error
		for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			if err = os.RemoveAll(dir); err == nil {
				return
			}
		}
		t.Errorf("scratch folder not removed: %v", err)
	})
	return dir
}

var built struct {
	sync.Once
	path string
	err  error
	out  []byte
}

// Binary returns the path of worker-wrap, built once in each test process by scripts/build, the way
// users get it. Every user may run it. It has no file capability; copy it to give it one. The caller's
// TestMain removes it with [Cleanup].
func Binary(t testing.TB) string {
	t.Helper()
	built.Do(func() {
		if path := os.Getenv("WORKER_WRAP_TEST_BINARY"); path != "" {
			built.path = path // scripts/test builds once for all packages; in a VM there is no Go
			return
		}
		dir, err := os.MkdirTemp("/var/tmp", "worker-wrap-build-")
		if err != nil {
			built.err = err
			return
		}
		built.err = os.Chmod(dir, 0o755)
		built.path = filepath.Join(dir, "worker-wrap")
		cmd := exec.Command(filepath.Join(Root(), "scripts", "build"), "-o", built.path)
		if built.out, err = cmd.CombinedOutput(); err != nil {
			built.err = err
		}
	})
	if built.err != nil {
		t.Fatalf("scripts/build: %v\n%s", built.err, built.out)
	}
	return built.path
}

// Cleanup removes what [Binary] built.
func Cleanup() {
	if dir := filepath.Dir(built.path); strings.HasPrefix(filepath.Base(dir), "worker-wrap-build-") {
		os.RemoveAll(dir)
	}
}
