package standin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/worker"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestMain makes this test program the one that its Workers' scripts run.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == standin.ScriptCommand {
		os.Exit(worker.Main(os.Args[2:]))
	}
	testkit.Main(m)
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// newRoot makes a runner in a scratch folder.
func newRoot(t *testing.T, o standin.RootOptions) standin.Root {
	t.Helper()
	if o.Program == "" {
		o.Program = self(t)
	}
	root, err := standin.MakeRoot(filepath.Join(testkit.Dir(t), "runner"), o)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// newListener makes a Listener whose time passes a hundred times faster.
func newListener(t *testing.T, root standin.Root) *standin.Listener {
	t.Helper()
	l := &standin.Listener{Root: root.Dir, Scale: 0.01}
	t.Cleanup(func() { l.Close() })
	return l
}

// start starts a Worker that ends with the test, if not before.
func start(t *testing.T, l *standin.Listener, job standin.Job) *standin.Worker {
	t.Helper()
	w, err := l.Start(job)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Abort)
	return w
}

func steps(all ...standin.Step) standin.Job { return standin.Job{Name: "a job", Steps: all} }

// expect waits for a Worker and checks its exit code, and that nobody held its pipes.
func expect(t *testing.T, w *standin.Worker, code int) standin.Result {
	t.Helper()
	r := w.Wait()
	if r.Code != code {
		t.Errorf("%s ended with %d (signal %d), want %d; it wrote %q", w.Job.Name, r.Code, r.Signal, code, r.Kept)
	}
	if r.Held != nil {
		t.Errorf("after its end somebody held %v", r.Held)
	}
	return r
}

// logs returns the text of the root's logs with the prefix; there must be some.
func logs(t *testing.T, root standin.Root, prefix string) string {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(root.Diag, prefix+"_*-utc.log"))
	var all strings.Builder
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	if all.Len() == 0 {
		t.Fatalf("no %s logs in %s", prefix, root.Diag)
	}
	return all.String()
}

// inOrder checks that the texts stand in log in that order.
func inOrder(t *testing.T, log string, texts ...string) {
	t.Helper()
	rest := log
	for _, text := range texts {
		i := strings.Index(rest, text)
		if i < 0 {
			t.Fatalf("%q is not there, or not after the one before, in:\n%s", text, log)
		}
		rest = rest[i+len(text):]
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
