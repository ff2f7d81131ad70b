// Package scratch makes runners on a scratch machine for tests, and compares what is done to their files.
package scratch
