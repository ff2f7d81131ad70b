// Package detach starts this same program again as a process that has nothing to do with its starter:
// not its child, in a session of its own, with none of its descriptors, environment or privileges.
//
// The starter is about to become another program by execve(2) in its own PID. That program must not find a child that
// it never started. os/exec can only make children, and a child that forks again is a Go program that the starter would
// have to wait for. So bare system calls make two processes here, in memory that they borrow, in a fraction of a
// millisecond.
//
// If the starter lives on and could as well have a child, use os/exec.
package detach
