package choose

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/worker-wrap/worker-wrap/internal/ground/byhand"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Beside is the place of a store as that of a runner's is: beside the folder that is covered.
func Beside(temp string) runner.Layout {
	return runner.Layout{Root: filepath.Dir(temp), Work: filepath.Dir(temp), Temp: temp}
}

// ByHand returns the places of stores of commands by hand, apart from those of the given runners: where this user has started
// some, and in the current folder and above it. An ordinary user has no business with what is somebody else's.
func ByHand(known []runner.Layout) (out []runner.Layout, err error) {
	temps, err := byhand.Noted()
	if dir, err := os.Getwd(); err == nil {
		for ; dir != "/"; dir = filepath.Dir(dir) {
			temps = append(temps, filepath.Join(dir, "_temp"))
		}
	}
	for _, temp := range temps {
		l := Beside(temp)
		st, err := os.Lstat(perpid.Path(l.Temp))
		if err != nil || os.Geteuid() != 0 && int(st.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			continue
		}
		if !slices.ContainsFunc(slices.Concat(known, out), func(k runner.Layout) bool { return perpid.Path(k.Temp) == perpid.Path(l.Temp) }) {
			out = append(out, l)
		}
	}
	return out, err
}
