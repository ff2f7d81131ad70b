// Package message takes the job's message in place of a Worker that will not start.
//
// A Listener writes the message some milliseconds after it has started its Worker. If that process has ended by then, the
// write fails, and nothing in actions/runner handles that (src/Runner.Listener/JobDispatcher.cs): the job stays "in
// progress" for as long as the Listener lives, and nobody reads why. If the message was taken, the Listener fails the job
// and shows what the process wrote on stderr. So [Take] comes before each end of a start that is not an execve(2).
//
// Exactly one process takes a message. While another one may, or may become the Worker, this one is told to [Leave] it.
//
// The same is done if Go's runtime ends the process, in the middle of whatever it did and perhaps before main. So what
// reads is raw system calls without memory or stack of the runtime's.
package message
