// Package audit judges what a GitHub Actions runner left in its _diag folder: whether two of its Workers were alive at
// once on one _temp. It names the one whose cleanup ran inside the other's life, and what failed because of it
// (actions/runner #4357).
//
// Below it, package input opens the files and cuts them into records. Package logs reads these to one life for each
// Worker and log. Package join joins what the Listener's and the Worker's own log say of one. This package finds the
// lives that overlap, marks those that worker-wrap's own events say were wrapped, and makes a [Report]. Package show
// prints it.
//
// If a log shows what the race does and not the Worker that did it, the answer is that the logs cannot tell
// ([Report.Unsure]).
package audit
