// Package shim gives a process a _temp of its own and then becomes the program that the process was
// started for: in the same PID, with the same descriptors, and with nothing else that could be noticed.
//
// # One Worker, from main to execve
//
// A Worker that is alone, under ISOLATE=alone, has been started by package early before Go's runtime began. For all
// others:
//
//	main                cmd/worker-wrap: argv says that it is a Worker
//	StartWorker         start.go    takes the job's message if the start comes to nothing
//	  ForWorker         package plan → Plan: reads the settings and the runner's .runner
//	  Run, follow       start.go    asks package policy for the next step until that is the last
//	    look, wait      others.go     the runner's other Workers
//	    claim           claim.go      may the real _temp be this one's? Its locks are left to a keeper
//
// Then either, for a Worker that is alone:
//
//	alone           alone.go    → program: the real Worker, by its own path
//	  become        become.go   execve
//
// or, for one that gets a _temp of its own:
//
//	private         start.go   the stages in order
//	  openHost      places.go   → hostPlaces: the work folder and _temp, in the host's view
//	  makeFolder    folder.go   → folder: the per-PID folder, like _temp
//	  launch        launch.go   → proxy: the Docker proxy; and the sweep of what the dead have left
//	  enter         view.go     leaves the host's view: unshare
//	    openView    view.go     → view: the same places and the folder, and the Worker, in the job's view
//	    cover       cover.go    → program: the folder lies over _temp, and the Worker over the entry
//	  become        become.go   execve
//
// If that fails policy may have it claim the real _temp after all (unisolated, alone.go), wait, or refuse.
// WORKER_WRAP_USERNS has a child take these steps in a user namespace (userns.go, userns_inner.go), in which supervise
// stays in front of it (package front).
//
// What every step writes goes into the journal (journal.go); the rules for what a caller may cover are in rules.go; what
// a refusal comes from, and its mend, is package blame's. Relay (relay.go) is no start: a keeper has it cover _temp once more.
package shim
