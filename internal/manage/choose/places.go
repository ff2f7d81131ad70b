package choose

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Beside is the place of a store as that of a runner's is: beside the folder that is covered.
func Beside(temp string) runner.Layout {
	return runner.Layout{Root: filepath.Dir(temp), Work: filepath.Dir(temp), Temp: temp}
}

// Above returns the places of stores in the current folder and above it, apart from those of the given runners. An
// ordinary user has no business with what is somebody else's.
func Above(known []runner.Layout) (out []runner.Layout) {
	dir, err := os.Getwd()
	if err != nil {
		return nil
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		l := Beside(filepath.Join(dir, "_temp"))
		st, err := os.Lstat(perpid.Path(l.Temp))
		if err != nil || os.Geteuid() != 0 && int(st.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			continue
		}
		if !slices.ContainsFunc(known, func(k runner.Layout) bool { return perpid.Path(k.Temp) == perpid.Path(l.Temp) }) {
			out = append(out, l)
		}
	}
	return out
}
