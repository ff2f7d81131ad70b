// Package raw has what a start does before Go's runtime begins, and what its keeper does without one: system calls, C
// strings, and what the kernel laid on the stack. It knows no runner's rules; package early says what of it is allowed.
package raw
