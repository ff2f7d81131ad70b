package survey

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/runner"
)

// BinState is what stands where a runner starts its Worker.
type BinState string

// The states of a bin folder.
const (
	Wrapped    BinState = "wrapped"            // the shim, and the runner's own Worker beside it
	Plain      BinState = "plain"              // the runner's own Worker
	NoReal     BinState = "real missing"       // the shim, but no Worker to start
	RealIsShim BinState = "real is the shim"   // the shim twice, which would start itself
	Dangling   BinState = "link leads nowhere" // a link in the Worker's place, to a file that is gone
	NoWorker   BinState = "no worker"
)

// Bin is one folder that a Listener runs from, or will run from after an update.
type Bin struct {
	Dir     string // links resolved
	Version string // from its name, "" for one that is called bin
	Current bool   // <root>/bin leads to it
	State   BinState
	Binary  Binary // the shim that stands there
}

// Bins lists the current bin of a runner and those that wait for an update: bin.<version> newer than
// version. Older ones are what the runner will delete.
func Bins(root, version string) []Bin {
	var out []Bin
	current, err := filepath.EvalSymlinks(filepath.Join(root, "bin"))
	if err == nil {
		out = append(out, bin(current, true))
	}
	names, _ := filepath.Glob(filepath.Join(root, "bin.*"))
	slices.Sort(names)
	for _, name := range names {
		real, err := filepath.EvalSymlinks(name)
		if err != nil || real == current || !Before(version, strings.TrimPrefix(filepath.Base(name), "bin.")) {
			continue
		}
		out = append(out, bin(real, false))
	}
	return out
}

func bin(dir string, current bool) Bin {
	b := Bin{Dir: dir, Current: current, State: stateOf(dir)}
	if v, ok := strings.CutPrefix(filepath.Base(dir), "bin."); ok && isVersion(v) {
		b.Version = v
	}
	if b.State == Wrapped || b.State == NoReal || b.State == RealIsShim {
		b.Binary = BinaryAt(filepath.Join(dir, runner.WorkerName))
	}
	return b
}

func stateOf(dir string) BinState {
	worker, real := filepath.Join(dir, runner.WorkerName), filepath.Join(dir, runner.RealWorkerName)
	if _, err := os.Lstat(worker); err != nil {
		return NoWorker
	}
	if _, err := os.Stat(worker); errors.Is(err, fs.ErrNotExist) {
		return Dangling
	}
	if !IsShim(worker) {
		return Plain
	}
	switch _, err := os.Stat(real); {
	case err != nil:
		return NoReal
	case IsShim(real):
		return RealIsShim
	}
	return Wrapped
}

// IsShim reports whether the file at path is a worker-wrap, of any version: a Go program keeps the names
// of its functions, also when it is stripped, and these are in no other.
func IsShim(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	mark := []byte("github.com/worker-wrap/worker-wrap/internal/shim.Run")
	const chunk, limit = 1 << 20, 64
	buf := make([]byte, chunk+len(mark))
	kept := 0
	for range limit {
		n, err := io.ReadFull(f, buf[kept:])
		if bytes.Contains(buf[:kept+n], mark) {
			return true
		}
		if err != nil {
			return false
		}
		kept = copy(buf, buf[len(buf)-len(mark):])
	}
	return false
}
