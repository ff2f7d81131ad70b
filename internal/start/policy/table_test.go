package policy

import (
	"fmt"
	"strings"
	"time"
)

// axis is one column of the table's left side, with a setting or a part of the world in it.
type axis struct {
	name   string
	values []string
	put    func(s *Settings, w *World, value int)
}

func axes() []axis {
	return []axis{
		{"`ISOLATE`", []string{"`always`", "`alone`"}, func(s *Settings, _ *World, v int) { s.Isolate = [...]Extent{Always, Alone}[v] }},
		{"isolation", []string{"works", "fails"}, func(_ *Settings, w *World, v int) { w.Isolates = v == 0 }},
		{"`FALLBACK`", []string{"`wait`", "`none`", "`run`"}, func(s *Settings, _ *World, v int) { s.Fallback = Fallback(v) }},
		{"`WAIT`", []string{"off", "on"}, func(s *Settings, _ *World, v int) { s.Wait = time.Duration(v) * fallbackWait }},
		{"other Workers", []string{"none", "end in time", "stay"}, func(_ *Settings, w *World, v int) { w.Others = Others(v) }},
	}
}

// row is a set of combinations that have the same outcome: for each axis a value, or any of them.
type row struct {
	cells   []int
	outcome Outcome
}

const anyValue = -1

// Table returns the outcome of every combination of settings and circumstances as a Markdown table. Combinations with
// the same outcome share a row if they differ in one thing only.
//
// USERNS and BACKING decide only how a _temp of its own is made, never what is done, as the tests
// check; so they have rows of their own at the end.
func Table() string {
	var b strings.Builder
	all := axes()
	for _, a := range all {
		fmt.Fprintf(&b, "| %s ", a.name)
	}
	b.WriteString("| the start waits | the Worker gets |\n")
	b.WriteString(strings.Repeat("| --- ", len(all)+2) + "|\n")
	for _, r := range merged(all) {
		for i, v := range r.cells {
			text := "any"
			if v != anyValue {
				text = all[i].values[v]
			}
			fmt.Fprintf(&b, "| %s ", text)
		}
		waits := "no"
		if r.outcome.Waits {
			waits = "yes"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", waits, r.outcome.End.describe())
	}
	b.WriteString("\n| `USERNS` | `BACKING` | its own `_temp` is | `sudo` | containers |\n| --- | --- | --- | --- | --- |\n")
	for _, userns := range []bool{false, true} {
		for _, backing := range []Backing{Dir, Tmpfs} {
			h := Means(Settings{Userns: userns, Backing: backing})
			fmt.Fprintf(&b, "| `%d` | `%v` | %s | %s | %s |\n", map[bool]int{true: 1}[userns], backing, h.made(), h.sudo(), h.containers())
		}
	}
	return b.String()
}

func (s Step) describe() string {
	switch s {
	case Isolate:
		return "its own `_temp`"
	case Plain:
		return "the plain `_temp`: no mount, no proxy"
	case Unisolated:
		return "the plain `_temp`; reported in the event log"
	}
	return "no start: exit code 125"
}

// merged returns the rows, as few as merging along one axis after the other gives.
func merged(all []axis) []row {
	rows := every(all, nil)
	for i := len(all) - 1; i >= 0; i-- {
		rows = merge(rows, i, len(all[i].values))
	}
	return rows
}

// every returns a row for each combination that begins with the values in head.
func every(all []axis, head []int) []row {
	if len(head) == len(all) {
		var s Settings
		var w World
		for i, v := range head {
			all[i].put(&s, &w, v)
		}
		o, _ := Walk(s, w)
		return []row{{append([]int{}, head...), o}}
	}
	var rows []row
	for v := range all[len(head)].values {
		rows = append(rows, every(all, append(head, v))...)
	}
	return rows
}

// merge makes one row of those that differ only on axis i, if all of its n values have the same outcome.
func merge(rows []row, i, n int) []row {
	type group struct {
		count int
		row   row
		same  bool
	}
	groups := map[string]*group{}
	key := func(r row) string {
		cells := append([]int{}, r.cells...)
		cells[i] = anyValue
		return fmt.Sprint(cells)
	}
	for _, r := range rows {
		k := key(r)
		if groups[k] == nil {
			groups[k] = &group{0, r, true}
		}
		g := groups[k]
		g.count++
		g.same = g.same && r.outcome == g.row.outcome
	}
	var out []row
	for _, r := range rows {
		g := groups[key(r)]
		switch {
		case g.count < n || !g.same || r.cells[i] == anyValue:
			out = append(out, r)
		case r.cells[i] == 0:
			r.cells[i] = anyValue
			out = append(out, r)
		}
	}
	return out
}
