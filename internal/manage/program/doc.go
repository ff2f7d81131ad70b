// Package program has a command of a person's look at programs on disk, and put worker-wrap in its place: which file is a
// worker-wrap, which one is the runner's own Worker, and what the kernel grants to it.
package program
