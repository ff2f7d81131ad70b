// Package internal is the house: five wings, by who runs a line and when.
//
//   - start: every job, between the Listener's execve and the Worker's
//   - beside: the processes that a start leaves beside its Worker
//   - manage: a person or systemd, on a machine with runners
//   - evidence: who wants to see the race, or to prove it
//   - ground: facts of files, processes and runners that two of these need
//
// Under them are mounts and nsenter: mechanism that knows no runner. Package testkit helps tests only. A wing
// imports ground and, if a test in testkit names it, one other wing. A line belongs to the wing of whoever runs it;
// the first sentence of a room's doc.go decides about the room. A room is to have at most 1,500 lines without its
// tests, and a file 250.
//
// # Words
//
// One word for one thing, in names, comments, messages and docs:
//
//   - Listener, Worker: the runner's two programs. A Worker runs one job.
//   - real Worker: the runner's own program, which a start becomes
//   - entry: the file at bin/Runner.Worker, which the Listener executes
//   - shim: an entry that is worker-wrap, or a script that starts it
//   - start: what worker-wrap does between the Listener's execve and the real Worker's
//   - by hand: a start by `worker-wrap -- cmd`, for which no Listener waits
//   - root: the folder that config.sh was run in. "root's" always means the user with UID 0.
//   - work folder: what .runner calls workFolder; _work in messages if the configured name does not matter
//   - _temp: the folder of that name in the work folder, which the runner empties for every job
//   - plain: of a _temp, the one in the host's view; of a Worker, one that uses it
//   - alone: of a Worker, a plain one whose start found no other plain one alive
//   - private: of a folder, the fresh one that one Worker has as its _temp; of a Worker, one that has such a folder
//   - owner: the process that a private folder is for, by PID, start time, PID namespace and boot
//   - store: the folder that private folders lie in, .worker-wrap
//   - left: of a process, one that a job has started and whose Worker is dead
//   - leftover: a private folder whose owner is dead
//   - sweep: to delete leftovers
//   - cover: to bind-mount something over a place, in the job's view only
//   - host's view, job's view: the mount namespace that the Listener is in, and the Worker's own
//   - peer group, propagation: as in mount_namespaces(7)
//   - overlap: the time in which two Workers of one work folder are alive
//   - isolate: to give a Worker a private folder over _temp
//   - fallback: what a start does that cannot isolate: wait, run, or none
//   - refuse: to end a start without becoming the Worker, with exit code 125, after taking the job's message
//   - message: what the Listener writes to a new Worker: type, length, body
//   - keeper: the process that holds a Worker's locks and namespace, and lays a private folder again if its mount is removed
//   - proxy: the process between a job and the Docker daemon that rewrites host paths
//   - bin folder: bin, or bin.<version>, in a runner's root
//   - step: one change of a bin folder; task: one change of what runners share. An install plans both before it does any.
//   - trial: a start that doctor or install makes to see whether Workers can be isolated
//   - check: what doctor judges of facts, without a trial
//   - watch: `worker-wrap watch`, which keeps the entry in place through the runner's self-updates
//   - event: one line of the event log, _diag/worker-wrap.jsonl
package internal
