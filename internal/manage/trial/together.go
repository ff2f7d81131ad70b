package trial

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/atonce"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
)

// All tries each of them, and answers in their order. What differs only in its folders is tried by one process first: each
// is told of by a process of its own only if not all went well there, without a word.
func All(places []Places) []Tried {
	alike := map[string][]int{}
	for i, p := range places {
		like := p.likeness(i)
		alike[like] = append(alike[like], i)
	}
	groups := slices.Collect(maps.Values(alike))
	well := make([]bool, len(groups))
	atonce.Each(len(groups), func(i int) { well[i] = together(places, groups[i]) })
	var rest []int
	for i, group := range groups {
		if !well[i] {
			rest = append(rest, group...)
		}
	}
	out := make([]Tried, len(places))
	atonce.Each(len(rest), func(i int) { out[rest[i]] = places[rest[i]].Try() })
	return out
}

// likeness is the same for those that one process can try. The process is not the program's parent, as with USERNS.
func (p Places) likeness(i int) string {
	if chosen, err := plan.ParseSettings(p.Env); err != nil || chosen.Policy.Userns || p.In.Name != "" || p.nowhere() {
		return strconv.Itoa(i)
	}
	return strings.Join(append([]string{p.Binary, strconv.Itoa(p.UID)}, p.environment()...), "\x00")
}

// together tries some of the places by one process, and reports whether all went well.
func together(places []Places, group []int) bool {
	if len(group) < 2 {
		return false
	}
	var temps []string
	for _, i := range group {
		temps = append(temps, places[i].Layout.Temp)
	}
	undos, failed := make([]*undo, len(group)), make([]error, len(group))
	atonce.Each(len(group), func(n int) { undos[n], failed[n] = remember(places[group[n]].Layout) })
	defer func() {
		for _, u := range undos {
			if u != nil {
				u.close()
			}
		}
	}()
	p, last := places[group[0]], len(temps)-1
	chosen, err := plan.ParseSettings(p.Env)
	if err = errors.Join(append(failed, err)...); err != nil {
		return false
	}
	t := p.start(temps[last], chosen.Policy, temps[:last]...)
	atonce.Each(len(undos), func(n int) {
		undos[n].owners = t.pids
		failed[n] = undos[n].patiently()
	})
	return t.Refused == nil && t.Said == "" && errors.Join(failed...) == nil
}
