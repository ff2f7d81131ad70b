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
	fmt.Fprintf(w, "  %-17s %9s %9s %9s %9s %9s\n", "", "median", "10%", "90%", "cost", "× floor")
	for i, t := range s.Times {
		fmt.Fprintf(w, "  %-17s %9.3f %9.3f %9.3f", t.Name, t.Median/1000, t.P10/1000, t.P90/1000)
		if i > 0 {
			fmt.Fprintf(w, " %9.3f %9.2f", s.cost(t)/1000, s.ratio(t))
		}
		fmt.Fprintln(w)
	}
	if c := s.Crowd; c.Size > 0 {
		fmt.Fprintf(w, "  %d at once, until all have started: bare %.1f, alone, of as many runners, %.1f (%.2f × bare), C that only execs %.1f (%.2f)\n",
			c.Size, c.Bare/1000, c.Alone/1000, c.Alone/c.Bare, c.Exec/1000, c.Exec/c.Bare)
	}
	fmt.Fprintln(w)
}

// printTargets says of each wanted figure whether it was met.
func (r report) printTargets(w io.Writer) bool {
	met := true
	for _, s := range r.Series {
		for _, t := range s.targets(r.Series[0]) {
			word := "met   "
			if t.is > t.most {
				word, met = "MISSED", false
			}
			fmt.Fprintf(w, "%s %4d mounts: %s: %.2f; wanted: at most %.2f\n", word, s.Mounts, t.what, t.is, t.most)
		}
	}
	return met
}

// target is a figure and what it is to be at most.
type target struct {
	what     string
	is, most float64
}

// noise is how far two medians of the same may lie apart.
const noise = 0.03

// targets are what is wanted of a series. least is the one with the fewest mounts.
func (s series) targets(least series) (all []target) {
	over := func(name string, of series, other string, most float64) {
		a, ok := s.find(name)
		b, is := of.find(other)
		if !ok || !is {
			return
		}
		what := name + " / " + other
		if of.Mounts != s.Mounts {
			what += fmt.Sprintf(" at %d mounts", of.Mounts)
		}
		all = append(all, target{what, s.cost(a) / of.cost(b), most})
	}
	for _, name := range []string{"alone", "alone-user", "alone-docker"} {
		if s.Mounts == least.Mounts {
			over(name, s, "floor", 0.95)
			over(name, s, "bwrap", 0.25)
		} else {
			over(name, least, name, 1.1)
		}
	}
	over("private", s, "private-old", 1+noise)
	over("always", s, "always-old", 1+noise)
	over("temp", s, "temp-old", 1+noise)
	for _, name := range []string{"private", "always"} {
		without, ok := s.find(name)
		with, is := s.find(name + "-docker")
		if ok && is {
			all = append(all, target{"ms more of " + name + " with a Docker socket", (with.Median - without.Median) / 1000, 1})
		}
	}
	if s.Crowd.Size > 0 && s.Mounts == least.Mounts {
		all = append(all, target{fmt.Sprintf("%d alone at once / %d bare at once", s.Crowd.Size, s.Crowd.Size), s.Crowd.Alone / s.Crowd.Bare, 1.3})
	}
	for _, kilobytes := range s.Keeper {
		all = append(all, target{"kB of a keeper's own memory", float64(kilobytes), 100})
	}
	return all
}

func (s series) find(name string) (timing, bool) {
	for _, t := range s.Times {
		if t.Name == name {
			return t, true
		}
	}
	return timing{}, false
}
