//go:build !race

package origin

import "unsafe"

// overrideWrite is where the runtime lets its own messages be sent elsewhere (runtime/time_nofake.go, which
// names it a symbol that others may define). Being set before anything runs, it is there for the
// runtime's own start too.
//
// The runtime writes to its poller by it too. On such a thread a program with the race detector would crash by a call
// that the detector sees.
//
//go:linkname overrideWrite runtime.overrideWrite
var overrideWrite func(fd uintptr, p unsafe.Pointer, n int32) int32 = lastWords
