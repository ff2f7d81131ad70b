// Package origin notes what a process inherited before Go's runtime changes it, and hands it on
// unchanged in execve(2).
//
// A Go program cannot be a faithful exec shim with what the runtime offers. Before main runs, the runtime has installed
// handlers for almost every signal (so an inherited SIG_IGN for SIGPIPE, say, is gone). It has unblocked some (SIGCHLD,
// SIGPROF and the synchronous ones). It has opened /dev/null in place of closed descriptors 0 to 2
// (runtime/fds_unix.go), and has raised the soft RLIMIT_NOFILE (os/rlimit.go). In a program with a file capability it
// has put GOTRACEBACK=none into the environment (runtime/security_unix.go).
//
// So a few lines of assembly, [entry], run first: they note the signals, the descriptors and the stack pointer, and
// jump to the runtime's own entry point. From the stack pointer the argument and environment strings can be read as the
// kernel left them. The linker puts them there when it is told to:
//
//	go build -ldflags '-E github.com/worker-wrap/worker-wrap/nsenter/origin.entry'
//
// Without that flag the package works from what the runtime still knows, and [Captured] says so. If no other program is
// ever started in this one's place, this package is of no use.
package origin
