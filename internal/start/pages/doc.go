// Package pages maps the memory that a start is about to use, and gives back what a keeper does not: without Go's runtime,
// see package early.
package pages
