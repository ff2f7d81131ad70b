// Package workers finds the wrapped Workers that are alive on this machine, from /proc alone: a process
// whose environment names a private folder that is its own. The processes a Worker starts have the same
// environment, but the folder's name tells whose it is.
//
// An ordinary user sees only their own Workers (proc_pid_environ(5)).
package workers
