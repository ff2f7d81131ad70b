// Package discover finds the runners of a machine: by their service units, by the files they leave in
// the usual places, by Listeners that run, and by the list that an install keeps.
package discover
