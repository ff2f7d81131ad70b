package rewrite

import "path"

// Filters changes the volume filter of GET /containers/json, whose values can be sources of binds:
// {"volume":{"/a":true}} or {"volume":["/a"]}.
func (t *Translator) Filters(filters []byte) []byte {
	n, ok := parse(filters)
	if !ok {
		return filters
	}
	e := t.edits(filters, false)
	change := func(v *node, behind string) {
		s := e.look.Source(v.text)
		switch {
		case !path.IsAbs(v.text) || s.Host == v.text:
		case t.lasting.Source(v.text).Host == v.text: // the socket, which some containers have itself
			e.list = append(e.list, edit{v.start, v.start, quote(s.Host) + behind})
		default:
			e.set(v, s.Host)
		}
	}
	for _, volume := range n.entry("volume") {
		for _, item := range volume.items() {
			change(item, ",")
		}
		for _, key := range volume.names {
			change(key, ":true,")
		}
	}
	return e.apply()
}
