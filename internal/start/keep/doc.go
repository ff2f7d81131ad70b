// Package keep leaves what stays beside a Worker: its keeper, and what sweeps.
package keep
