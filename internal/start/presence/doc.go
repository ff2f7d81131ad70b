// Package presence finds the Workers of one runner that are alive, wrapped or not, from /proc, and waits
// for them to end.
//
// A Worker is known by its argv[0], <root>/bin*/Runner.Worker, which the Listener gives it and execve(2) by the shim
// keeps. If /proc is mounted with hidepid, or in another PID namespace, a Worker is not seen; package perpid knows
// those that are wrapped by their folders.
package presence
