package rewrite

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
)

// edit replaces the bytes from start to end.
type edit struct {
	start, end int
	text       string
}

// edits gathers changes to one body.
type edits struct {
	body []byte
	look *hostpath.Look // where paths lead, for this body
	// lasts says that what the body describes can outlive the job.
	lasts bool
	list  []edit
}

// set replaces a string.
func (e *edits) set(n *node, text string) { e.list = append(e.list, edit{n.start, n.end, quote(text)}) }

// replace replaces a value, with what is changed in it so far.
func (e *edits) replace(n *node, json string) {
	e.list = slices.DeleteFunc(e.list, func(c edit) bool { return n.start <= c.start && c.end <= n.end && c.start < n.end })
	e.list = append(e.list, edit{n.start, n.end, json})
}

// after inserts a value behind an item of an array.
func (e *edits) after(n *node, json string) { e.list = append(e.list, edit{n.end, n.end, "," + json}) }

// drop removes items from an array, with the commas that they leave over.
func (e *edits) drop(array *node, gone func(item *node) bool) {
	items := array.values
	kept := -1 // the last item before i that stays
	for i, item := range items {
		switch {
		case !gone(item):
			if kept < 0 && i > 0 {
				e.list = append(e.list, edit{items[0].start, item.start, ""})
			}
			kept = i
		case kept >= 0:
			e.list = append(e.list, edit{items[i-1].end, item.end, ""})
		case i == len(items)-1:
			e.list = append(e.list, edit{items[0].start, item.end, ""})
		}
	}
}

// apply returns the changed body, or the body itself if nothing changes.
func (e *edits) apply() []byte {
	if len(e.list) == 0 {
		return e.body
	}
	slices.SortStableFunc(e.list, func(a, b edit) int { return a.start - b.start })
	size := len(e.body)
	for _, c := range e.list {
		size += len(c.text)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, c := range e.list {
		out = append(append(out, e.body[at:c.start]...), c.text...)
		at = c.end
	}
	return append(out, e.body[at:]...)
}

// quote encodes a string without the escapes that are only for HTML.
func quote(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) < 0 {
		return `"` + s + `"`
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string can always be encoded
	return strings.TrimSuffix(b.String(), "\n")
}
