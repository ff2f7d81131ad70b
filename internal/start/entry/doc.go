// Package entry finds the real Worker and the entry that stands in its place, and says which is started, and how.
package entry
