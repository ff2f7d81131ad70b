// Package policy decides what a start does: wait, isolate, run in the plain _temp, or refuse.
//
// It is pure. [Next] is the whole of the decision: given the settings and the facts so far it names the next step, and
// the shim takes that step and asks again. The tests play it through for every combination of settings and
// circumstances, and make the table in docs/settings.md of that.
package policy
