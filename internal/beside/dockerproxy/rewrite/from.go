package rewrite

import (
	"path"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
)

// volumesFrom adds what is missing below the mounts that a container takes over from others (HostConfig.VolumesFrom),
// and remembers what was changed in those. Another's mount of _temp itself stays that. The mounts of the container that
// the runner is in are looked at where the runner has them.
func (t *Translator) volumesFrom(e *edits, host *node, other taken, c *container) {
	var binds []string
	for _, item := range host.last("VolumesFrom").items() {
		ref, mode, _ := strings.Cut(item.text, ":")
		if !isName(ref) {
			continue
		}
		answer := t.Ask("/containers/" + ref + "/json")
		from, ok := parse(answer)
		if !ok {
			continue
		}
		known := t.changes(from)
		own := t.Own(from.string("Id"))
		for _, m := range from.last("Mounts").items() {
			place := path.Clean(m.string("Destination"))
			if slices.Contains(other, place) {
				continue
			}
			if known != nil {
				c.inherit(known, place)
				continue
			}
			source := m.string("Source")
			if m.string("Type") == "volume" && !own {
				source = t.device(m.string("Name"))
			}
			written := source
			if own { // its folders have other paths on the host
				written = place
			}
			if source == "" {
				continue
			}
			flags := ""
			if rw := m.last("RW"); mode == "ro" || rw != nil && string(answer[rw.start:rw.end]) == "false" {
				flags = ":ro"
			}
			t.add(spec{place, m.string("Propagation")}, t.source(e, written).Below, other, func(at, host string) {
				if own {
					rel, in := paths.Under(host, place)
					if !in {
						return
					}
					host = path.Join(source, rel)
				}
				c.added = append(c.added, at)
				binds = append(binds, quote(bind{host, at, flags}.String()))
			})
		}
	}
	if len(binds) == 0 {
		return
	}
	text := strings.Join(binds, ",")
	switch array := host.last("Binds"); {
	case len(array.items()) > 0:
		e.after(array.values[len(array.values)-1], text)
	case array != nil:
		e.replace(array, "["+text+"]")
	default:
		e.after(host.last("VolumesFrom"), `"Binds":[`+text+"]")
	}
}

// inherit takes over what was changed in the mount of another container at place.
func (c *container) inherit(from *container, place string) {
	if from.has(place) {
		c.added = append(c.added, strings.Clone(place))
	} else if source, ok := from.sources[place]; ok {
		keep(&c.sources, place, source)
		c.changed = true
	}
}
