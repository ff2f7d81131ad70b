package checks

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestGatherManyAtOnce: runners that are looked at beside each other are seen as each alone. The race detector is to see
// what these looks share.
func TestGatherManyAtOnce(t *testing.T) {
	var layouts []runner.Layout
	for range 10 {
		root := testkit.Dir(t)
		bin := filepath.Join(root, "bin")
		for _, dir := range []string{bin, filepath.Join(root, "_work", "_temp"), filepath.Join(root, "_diag")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for path, text := range map[string]string{filepath.Join(root, runner.ConfigName): `{"workFolder":"_work"}`, filepath.Join(bin, runner.RealWorkerName): "#!/bin/sh\n"} {
			if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(testkit.Binary(t), filepath.Join(bin, runner.WorkerName)); err != nil {
			t.Fatal(err)
		}
		l, err := runner.FromRoot(root)
		if err != nil {
			t.Fatal(err)
		}
		layouts = append(layouts, l)
	}
	all := Gather(layouts, nil, true).Runners
	for i, l := range layouts {
		if alone := Gather([]runner.Layout{l}, nil, true).Runners[0]; !reflect.DeepEqual(all[i], alone) || alone.Shim.Path == "" {
			t.Errorf("among others:\n%+v\nalone:\n%+v", all[i], alone)
		}
	}
}
