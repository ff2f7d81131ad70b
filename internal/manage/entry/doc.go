// Package entry has install, uninstall and the watch change a runner's bin folders: an entry, Runner.Worker, which
// starts worker-wrap ([runner.Entry]), and beside it the runner's own file, unchanged, by two names. One is
// Runner.Worker.real, the other one no other tool uses.
//
// Everything is first planned as steps ([Plan]). Each step leaves a runner that can start a job, so it does not matter
// when the power goes; the next run goes on from what it finds.
package entry
