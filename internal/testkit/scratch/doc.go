// Package scratch makes runners on a scratch machine for tests, and compares the changes to their files.
package scratch
