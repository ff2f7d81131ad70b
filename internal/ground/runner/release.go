package runner

import (
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// ListenerName is the file name, in bin, of the program that takes jobs and starts Workers.
const ListenerName = "Runner.Listener"

// elf is how a program begins (elf(5)).
const elf = "\x7fELF"

// IsRelease reports whether root holds an unpacked release of the runner, configured or not: run.sh, and in bin the
// programs Runner.Listener and Runner.Worker. What an install, or another tool, keeps of these beside a wrapper as
// Runner.Worker.real or Runner.Listener.real counts too. Images are built of such a folder: a runner that is started with
// run.sh --jitconfig has a .runner only while it runs.
func IsRelease(root string) bool {
	bin := filepath.Join(root, "bin")
	if _, err := untrusted.Head(filepath.Join(root, "run.sh"), 1); err != nil {
		return false
	}
	for _, name := range [...]string{ListenerName, WorkerName} {
		if path := filepath.Join(bin, name); !isProgram(path) && !isProgram(path+".real") {
			return false
		}
	}
	return true
}

func isProgram(path string) bool {
	head, err := untrusted.Head(path, len(elf))
	return err == nil && string(head) == elf
}

// FromRelease is [FromRoot] for those that may come before a runner is configured: of an unpacked release without
// .runner the layout is guessed, see [Unconfigured].
func FromRelease(root string) (Layout, error) {
	l, err := FromRoot(root)
	if root, aerr := filepath.Abs(root); aerr == nil && Missing(err) && IsRelease(root) {
		return Unconfigured(root), nil
	}
	return l, err
}

// Around is the nearest folder from dir upwards that has a .runner or a release, "" if none has.
func Around(dir string) string {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ConfigName)); err == nil || IsRelease(dir) {
			return dir
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}
