package rewrite

import "path"

// Filters changes the volume filter of GET /containers/json, whose values can be sources of binds:
// {"volume":{"/a":true}} or {"volume":["/a"]}.
func (t *Translator) Filters(filters []byte) []byte {
	n, ok := parse(filters)
	if !ok {
		return filters
	}
	e := t.edits(filters)
	change := func(v *node) {
		if s := e.look.Source(v.text); path.IsAbs(v.text) && s.Host != v.text {
			e.set(v, s.Host)
		}
	}
	for _, volume := range n.entry("volume") {
		for _, item := range volume.items() {
			change(item)
		}
		for _, key := range volume.names {
			change(key)
		}
	}
	return e.apply()
}
