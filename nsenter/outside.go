package nsenter

// Outside runs f on a thread that is still where the process was before the calling goroutine changed its
// own thread, and returns when f has. Processes that f starts are there too.
//
// The runtime makes its threads from one that no goroutine is locked to (runtime.LockOSThread), so none
// inherits a namespace that was changed by the functions of this package.
func Outside(f func() error) error {
	done := make(chan error)
	go func() { done <- f() }()
	return <-done
}
