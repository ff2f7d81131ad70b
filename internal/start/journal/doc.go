// Package journal is what a start tells of itself: on stderr, in the runner's log, and in the machine's journal.
package journal
