package main

import (
	"fmt"
	"io"
	"path/filepath"
)

// report collects what is measured of each file.
type report struct {
	entries   []*entry
	functions []*function
	named     []gap // by an entry
	unnamed   []gap
}

// add measures one file.
func (r *report) add(path string, blocks map[span]block) error {
	functions, gaps, err := measure(path, blocks)
	if err != nil {
		return err
	}
	r.functions = append(r.functions, functions...)
	for _, g := range gaps {
		named := false
		for _, e := range r.entries {
			if e.names(g) {
				e.used, named = true, true
			}
		}
		if named {
			r.named = append(r.named, g)
		} else {
			r.unnamed = append(r.unnamed, g)
		}
	}
	return nil
}

// complete tells whether all that is not covered is named.
func (r *report) complete() bool { return len(r.unnamed) == 0 }

// print writes packages and functions with their coverage, and what is not covered.
func (r *report) print(w io.Writer, all bool) {
	var total function
	packages := map[string]*function{}
	var order []*function
	for _, f := range r.functions {
		if f.statements == 0 {
			continue
		}
		dir := filepath.Dir(f.file)
		p := packages[dir]
		if p == nil {
			p = &function{name: dir}
			packages[dir] = p
			order = append(order, p)
		}
		for _, sum := range []*function{p, &total} {
			sum.statements += f.statements
			sum.covered += f.covered
		}
		if all || f.covered < f.statements {
			fmt.Fprintf(w, "%6.1f%%  %4d of %4d  %s %s\n", f.percent(), f.covered, f.statements, f.file, f.name)
		}
	}
	fmt.Fprintln(w)
	total.name = "all of the shim's own path"
	for _, p := range append(order, &total) {
		fmt.Fprintf(w, "%6.1f%%  %4d of %4d  %s\n", p.percent(), p.covered, p.statements, p.name)
	}
	statements := 0
	for _, g := range r.named {
		statements += g.statements
	}
	fmt.Fprintf(w, "%d blocks (%d statements) are not covered for a reason that is on the list\n", len(r.named), statements)
	for _, e := range r.entries {
		if !e.used {
			fmt.Fprintf(w, "note: covered this time, or gone: %s %s | %s\n", e.file, e.function, e.snippet)
		}
	}
	for _, g := range r.unnamed {
		fmt.Fprintf(w, "%s:%d: not covered, and not on the list: %s | %s\n", g.file, g.line, g.function, g.text)
	}
}

func (f *function) percent() float64 { return 100 * float64(f.covered) / float64(f.statements) }
