package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestScript runs what people type, against the binary that scripts/build makes.
func TestScript(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("WW", binary)
			e.Setenv("WORKER_WRAP_DOCKER", "off")
			return os.MkdirAll(e.WorkDir+"/work/_temp", 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code,
		},
	})
}
