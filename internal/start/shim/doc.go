// Package shim gives a process a _temp of its own and then becomes the program that the process was
// started for: in the same PID, with the same descriptors, and with nothing else that could be noticed.
//
// [PlanWorker] and [PlanCommand] say what is to be done and touch nothing; [Run] does it.
package shim
