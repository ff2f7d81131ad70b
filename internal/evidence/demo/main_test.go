package demo_test

import (
	"os"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/worker"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestMain makes this test program the stand-in Worker, too.
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
