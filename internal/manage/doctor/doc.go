// Package doctor says whether the jobs of this machine's runners are protected, what stands in the way
// and which command mends it.
//
// Each check is a function of facts that package survey gathered, and touches nothing. At the end a process is really
// isolated, in the runner's own folders and as its user: see [Report.TryAll].
package doctor
