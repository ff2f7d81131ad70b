// Package compose pins the Docker Compose that the tests run.
//
// It is a module of its own, as Compose and the SDKs want different versions of the same modules.
package compose
