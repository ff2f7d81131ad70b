// Package starts has tests that start worker-wrap as it is built: as a runner's Worker, and by hand. The names of the
// files say the theme: attack, faults, load, message, and so on; those with guest in it need a machine of their own.
package starts
