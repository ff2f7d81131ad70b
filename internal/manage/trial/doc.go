// Package trial finds out by a real start whether worker-wrap can isolate a runner's Workers.
//
// [Places] starts a process in the runner's own folders, as its user and with its settings, through the code that
// starts a Worker. What that makes is removed again. Package doctor asks so, and package install before it changes
// anything. By [Unit] systemd starts it as it would the runner's service.
package trial
