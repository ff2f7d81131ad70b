// Package own covers places of the caller's with folders for one Worker (WORKER_WRAP_PRIVATE).
package own
