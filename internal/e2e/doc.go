// Package e2e has tests that start the built worker-wrap over and over, in ways that a test of one part does not cover.
package e2e
