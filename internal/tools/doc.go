// Package tools pins the programs that check this project: gofumpt, staticcheck, shfmt and gotestsum.
//
// It is a module of its own, so that the project's go.mod lists only what worker-wrap itself uses.
// scripts/test builds them with `go install tool`; `go -C internal/tools get -tool PATH@VERSION`
// changes a version.
package tools
