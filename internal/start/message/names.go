package message

import "github.com/worker-wrap/worker-wrap/internal/ground/runner"

// isWorker is runner.IsWorker for a path: another tool's wrapper starts a link to the program by the name to which it has
// moved that.
//
//go:nosplit
//go:norace
func isWorker(path string) bool {
	return baseIs(path, runner.WorkerName) || baseIs(path, runner.RealWorkerName) || baseIs(path, runner.KeptWorkerName)
}

// is reports whether two texts are the same.
//
//go:nosplit
//go:norace
func is(text, other string) bool { return len(text) == len(other) && baseIs(text, other) }

// baseIs reports whether a path's last part is name.
//
//go:nosplit
//go:norace
func baseIs(path, name string) bool {
	at := len(path) - len(name)
	if at < 0 || at > 0 && path[at-1] != '/' {
		return false
	}
	for i := range len(name) {
		if path[at+i] != name[i] {
			return false
		}
	}
	return true
}

// foldedIs reports whether text is word, which has small letters only, but for its letters' case.
//
//go:nosplit
//go:norace
func foldedIs(text, word string) bool {
	if len(text) != len(word) {
		return false
	}
	for i := range len(word) {
		if text[i] != word[i] && text[i] != word[i]-'a'+'A' {
			return false
		}
	}
	return true
}
