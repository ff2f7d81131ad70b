// Package install puts the shim where a runner starts its Worker, and takes it out again, for a person or a package's
// script. The watch calls it too, to keep the shim there through the runner's self-updates ([Keeper]).
//
// Package entry changes the runner's bin folders, package machine what all runners share. Here is what of both is done
// for whom: a start that is tried before, the setting that is chosen, the store and the records that are removed.
package install
