// Package e2e has tests that start worker-wrap as it is built, over and over, in ways that a test of one part does not
// think of.
package e2e
