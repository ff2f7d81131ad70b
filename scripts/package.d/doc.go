// Package packaged holds what scripts/package makes packages from, and pins the tool it makes them with,
// nfpm. It is a module of its own, so that the project's go.mod lists only what worker-wrap itself uses.
package packaged
