// Package place has the folders that a start works in, opened once, and the rules for whose they must be.
package place
