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
//	    Look, Wait      package claim  the runner's other Workers
//	    Try             package claim  may the plain _temp be this one's? Its locks are left to a keeper (package keep)
//
// Then either, for a Worker that is alone:
//
//	alone           alone.go    → program: the real Worker, by its own path
//	  become        become.go   execve
//
// or, for one that gets a _temp of its own:
//
//	private         start.go   the stages in order
//	  openHost      places.go   → place.Host: the work folder, _temp, and the one for the store, in the host's view
//	  makeFolder    folder.go   → folder: the private folder, like _temp
//	  Make          package own → own.All: the folders for places of the user's
//	  launch        launch.go   → proxy: the Docker proxy begins; and the sweep of what the dead have left (package keep)
//	  enter         view.go     leaves the host's view: unshare
//	    openView    view.go     → view: the same places and the folder, and the Worker, in the job's view
//	      Open      package entry → entry.Worker: the real Worker
//	    cover       cover.go    → program: the folder lies over _temp, and the Worker over the entry. The proxy runs by now,
//	                              and a keeper is left
//	  become        become.go   execve
//
// If that fails policy may have it claim the plain _temp after all (unisolated, alone.go), wait, or refuse.
// WORKER_WRAP_USERNS has a child take these steps in a user namespace (userns.go, userns_inner.go), in which supervise
// stays in front of it (package front).
//
// All of them look at one begun.Start. What every step writes goes into package journal; the rules for what a caller may
// cover are package place's; what a refusal comes from, and its mend, is package blame's; how a start ends that became no
// program is package exits'.
package shim
