package runner

import (
	"path/filepath"
	"slices"
)

const (
	// WorkerName is the fixed file name under which the Listener starts its Worker.
	WorkerName = "Runner.Worker"
	// RealWorkerName is where an install keeps what stood in the Worker's place, beside WorkerName. Other tools that
	// stand there keep the runner's own Worker by this name too.
	RealWorkerName = "Runner.Worker.real"
	// KeptWorkerName is a second name of the same file, which no other tool uses. If RealWorkerName is another tool's,
	// it is the only one.
	KeptWorkerName = "Runner.Worker.worker-wrap"
)

// KeeperName is what the process of a keeper is called, and of no Worker's start: that has the name of its entry.
const KeeperName = "worker-wrap"

// AloneName is, in bin, a link to the file kept as KeptWorkerName. A Worker that is alone is started by it: so the
// kernel gives the process the name that it has without worker-wrap (execve(2) takes the last part of the path).
const AloneName = AloneFolder + "/" + WorkerName

// AloneFolder is where that link is.
const AloneFolder = ".worker-wrap"

// kept are the names under which an install keeps what it has taken the place of. The first that is there counts.
var kept = [...]string{KeptWorkerName, RealWorkerName}

// KeptNames are the names by which a shim that was started as path looks for the real Worker. The first that exists
// counts: its own is none of them. Another tool that came after an install has moved the shim to RealWorkerName, or to
// a name of its own.
func KeptNames(path string) []string {
	return slices.DeleteFunc(slices.Clone(kept[:]), func(name string) bool { return name == filepath.Base(path) })
}

// Standing returns the path by which others know the Worker that an entry starts: the entry's own, or Runner.Worker
// beside it if another tool has moved the entry to a name that no install gives.
func Standing(entry string) string {
	if IsWorker(entry) {
		return entry
	}
	return filepath.Join(filepath.Dir(entry), WorkerName)
}

// IsWorker reports whether a process that was started by this path is a Worker, or the shim of one.
func IsWorker(path string) bool {
	switch filepath.Base(path) {
	case WorkerName, KeptWorkerName, RealWorkerName:
		return true
	}
	return false
}
