package nsenter

// Outside runs f on a thread that is still in the namespaces that the process was in before the calling goroutine
// changed its own thread. It returns when f has. Processes that f starts are there too.
//
// The runtime makes its threads from one that no goroutine is locked to (runtime.LockOSThread). So none inherits a
// namespace that this package's functions changed.
func Outside(f func() error) error {
	done := make(chan error)
	go func() { done <- f() }()
	return <-done
}
