// Package confine has doctor say which settings of a runner's unit keep its Workers from a _temp of their own, and
// which drop-in mends that.
//
// It reads words, as systemd has them in force or as its files have them, and tries nothing. Only a root folder of the unit's
// own is looked into.
package confine
