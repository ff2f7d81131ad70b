// Package nsenter makes mount namespaces and joins them, from pure Go.
//
// Namespaces belong to threads, and Go moves goroutines between threads. So every function here that
// changes one locks the calling goroutine to its thread and never unlocks it: the thread ends with the
// goroutine, or becomes the program that origin.Exec starts.
//
// The package knows nothing of what the namespaces are for.
package nsenter
