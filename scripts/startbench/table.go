package main

import (
	"fmt"
	"io"
)

// cost is what a timing has over the bare command's, in microseconds.
func (s series) cost(t timing) float64 { return t.Median - s.Times[0].Median }

// ratio is a timing's cost over the floor's.
func (s series) ratio(t timing) float64 { return s.cost(t) / s.cost(s.Times[1]) }

// print writes the table of one series.
func (s series) print(w io.Writer) {
	fmt.Fprintf(w, "%d mounts (%d added), %d runs of each, milliseconds\n", s.Mounts, s.Added, s.Rounds)
	fmt.Fprintf(w, "  %-12s %9s %9s %9s %9s %9s\n", "", "median", "10%", "90%", "cost", "× floor")
	for i, t := range s.Times {
		fmt.Fprintf(w, "  %-12s %9.3f %9.3f %9.3f", t.Name, t.Median/1000, t.P10/1000, t.P90/1000)
		if i > 0 {
			fmt.Fprintf(w, " %9.3f %9.2f", s.cost(t)/1000, s.ratio(t))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// most is the cost allowed to worker-wrap, as a multiple of the floor's, and from how many mounts on.
var most = []struct {
	mounts int
	ratio  float64
}{{4000, 1.15}, {0, 2.5}}

// printTargets says of each wanted bound whether it was met: below bwrap everywhere, and close to the floor.
func (r report) printTargets(w io.Writer) bool {
	met := true
	say := func(ok bool, format string, args ...any) {
		word := "met   "
		if !ok {
			word, met = "MISSED", false
		}
		fmt.Fprintf(w, word+" "+format+"\n", args...)
	}
	for _, s := range r.Series {
		bwrap, hasBwrap := s.find("bwrap")
		for _, name := range []string{"way1", "way1-user", "way2"} {
			t, ok := s.find(name)
			if !ok {
				continue
			}
			for _, bound := range most {
				if s.Mounts >= bound.mounts {
					ratio := s.ratio(t)
					say(ratio <= bound.ratio, "%d mounts: %s costs %.2f × the floor; wanted: at most %.2f ×", s.Mounts, name, ratio, bound.ratio)
					break
				}
			}
			if hasBwrap {
				share := s.cost(t) / s.cost(bwrap)
				say(share < 1, "%d mounts: %s costs %.2f × bwrap; wanted: below it", s.Mounts, name, share)
			}
		}
	}
	return met
}

func (s series) find(name string) (timing, bool) {
	for _, t := range s.Times {
		if t.Name == name {
			return t, true
		}
	}
	return timing{}, false
}
