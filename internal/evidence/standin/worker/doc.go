// Package worker is the stand-in's Worker, which the Listener of package standin starts as a process: upstream it is
// src/Runner.Worker.
package worker
