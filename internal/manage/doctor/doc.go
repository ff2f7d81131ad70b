// Package doctor tells a person whether the jobs of this machine's runners are protected, what stands in the way, and
// which command mends it.
//
// Package checks judges the facts. At the end a process is really isolated, in the runner's own folders and as its user:
// see [Report.TryAll].
package doctor
