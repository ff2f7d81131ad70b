// Package perpid keeps the folders that Workers have as their _temp: one for each Worker, in a store, which is
// .worker-wrap in the runner's root or beside _temp ([Home]).
//
// A folder's name says who owns it: PID, start time, PID namespace and boot. execve(2) changes none of these, so the
// Worker that the shim becomes is the owner still. A dead owner is known without a state file, and without a descriptor
// that would have to live on in the Worker.
//
// What a dead owner left is swept by the next start: empty folders at once, everything else by a
// process of its own, which first renames what it is going to delete. Nothing that may have a living
// owner is touched.
package perpid
