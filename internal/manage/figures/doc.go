// Package figures writes what all runners of the machine tell as a file for Prometheus' node_exporter (its textfile
// collector): totals of the event logs, and the state at this moment.
//
// A total must never fall, and the event logs keep some ten thousand starts only. So the file carries them on: each call
// adds what has come since the one before to what stands there.
package figures
