// Package front keeps a process in front of a child as if there were only one: signals reach the child, no descriptor of
// the child's is held open, and the process ends as the child does. A start in a user namespace
// (WORKER_WRAP_USERNS) is such a process, for as long as its Worker lives.
package front
