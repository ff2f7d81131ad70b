// Package early starts a Worker that is alone before Go's runtime begins.
//
// A lone start changes nothing: it finds the runner, takes the locks of one that is alone, leaves them to a keeper, and
// becomes the real Worker. That takes some thirty system calls. Go's runtime would cost several times as much, and
// would change signals and limits that then had to be put back.
//
// So the linker makes [entry] the program's entry point, which calls [attempt] on the kernel's stack:
//
//	go build -ldflags '-E github.com/worker-wrap/worker-wrap/internal/start/early.entry'
//
// attempt returns if anything is unusual: a setting, a lock that is taken, an error. Then the program starts as every Go
// program does, by way of nsenter/origin. By then nothing has changed but what package pages does for that way. A program
// that is linked without the flag works as well; it only takes the longer way.
//
// # Freestanding code
//
// Without its runtime Go has no heap, no stack that grows, no other thread and no panic. What attempt and [keep] call
// therefore allocates nothing, compares and converts no interface, and defers nothing. It calls functions of this
// package, raw, idle and pages, and pure ones of strconv, time and events that append to a given buffer. A test
// disassembles all four packages and holds them to that.
package early
