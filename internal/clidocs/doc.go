// Package clidocs writes a man page and shell completions from the definition of a command line, so
// that they say what the program does.
//
// It is for the program's build; the program itself does without it. The completions are complete
// scripts that do not run the program: completing a word must not start anything that has privileges.
package clidocs
