// Package e2e tests the Docker proxy against a real dockerd, which the tests start, with the clients that
// jobs use: the docker CLI with the runner's own commands, Compose, the Go SDK, Testcontainers, BuildKit.
//
// It is a module of its own, so that worker-wrap's go.mod lists only what worker-wrap itself uses.
package e2e
