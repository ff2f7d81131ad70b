// Package policy decides what a start does: wait, isolate, run in the real _temp, or refuse.
//
// It is pure. [Next] is the whole of the decision: given the settings and what is known so far it names
// the next step, and the shim takes that step and asks again. [Walk] plays Next through in a world that
// it is told, which is how the tests visit every combination and how the table in docs/settings.md is made.
package policy
