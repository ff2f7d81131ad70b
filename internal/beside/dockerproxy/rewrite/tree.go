package rewrite

import (
	"bytes"
	"encoding/json"
	"strings"
)

// node is one value in a JSON text, and its place there.
type node struct {
	start, end int     // the value's bytes
	kind       byte    // '{', '[', '"', or 0 for numbers, booleans and null
	text       string  // of a string, decoded
	names      []*node // of an object: its keys
	values     []*node // of an object or array
}

// parse reads the first value of a body; ok is false if there is none, or the text is not JSON.
func parse(body []byte) (*node, bool) {
	if !json.Valid(body) { // which also bounds the depth
		first := json.NewDecoder(bytes.NewReader(body))
		var raw json.RawMessage
		if first.Decode(&raw) != nil {
			return nil, false
		}
		body = body[:first.InputOffset()] // dockerd up to 20.10 does not look further
	}
	p := parser{body: string(body)}
	return p.value(), true
}

// parser reads a text that is known to be JSON. It does so because a json.Decoder tells where a token
// ends, but not where it starts, and takes several times as long.
type parser struct {
	body string
	at   int
	room []node // for values to come: they are many and small
}

func (p *parser) node(start int) *node {
	if len(p.room) == 0 {
		p.room = make([]node, min(len(p.body)/16+1, 64))
	}
	n := &p.room[0]
	p.room = p.room[1:]
	n.start = start
	return n
}

// value reads the next value.
func (p *parser) value() *node {
	p.skip(" \t\r\n")
	n := p.node(p.at)
	switch c := p.body[p.at]; c {
	case '"':
		n.kind, n.text = c, p.string()
	case '[', '{':
		n.kind = c
		for p.at++; !p.closed(); p.skip(" \t\r\n,") {
			if c == '{' {
				name := p.node(p.at)
				name.kind, name.text = '"', p.string()
				name.end = p.at
				n.names = append(n.names, name)
				p.skip(" \t\r\n:")
			}
			n.values = append(n.values, p.value())
		}
	default:
		for p.at < len(p.body) && !strings.ContainsRune(",]} \t\r\n", rune(p.body[p.at])) {
			p.at++
		}
	}
	n.end = p.at
	return n
}

// closed skips white space and reports whether the array or object ends, and then what ends it.
func (p *parser) closed() bool {
	p.skip(" \t\r\n")
	end := p.body[p.at] == ']' || p.body[p.at] == '}'
	if end {
		p.at++
	}
	return end
}

// skip passes over these characters.
func (p *parser) skip(these string) {
	for p.at < len(p.body) && strings.IndexByte(these, p.body[p.at]) >= 0 {
		p.at++
	}
}

// string reads a string, which starts here, and decodes it as encoding/json does.
func (p *parser) string() (text string) {
	start, plain := p.at, true
	for p.at++; p.body[p.at] != '"'; p.at++ {
		if p.body[p.at] == '\\' {
			plain = false
			p.at++
		} else if p.body[p.at] >= 0x80 {
			plain = false
		}
	}
	p.at++
	quoted := p.body[start:p.at]
	if plain {
		return quoted[1 : len(quoted)-1]
	}
	_ = json.Unmarshal([]byte(quoted), &text) // it is valid
	return text
}

// all returns every value under a field's name in an object, without regard to case as encoding/json
// matches the fields of a struct. n may be nil.
func (n *node) all(name string) []*node {
	if n == nil {
		return nil
	}
	var out []*node
	for i, key := range n.names {
		if strings.EqualFold(key.text, name) {
			out = append(out, n.values[i])
		}
	}
	return out
}

// last returns the value that decoding ends up with under a field's name, or nil.
func (n *node) last(name string) *node {
	all := n.all(name)
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

// string returns the text of the last value under a field's name, or "".
func (n *node) string(name string) string {
	if v := n.last(name); v != nil {
		return v.text
	}
	return ""
}

// at returns every value at the end of a path of field names.
func (n *node) at(names ...string) []*node {
	nodes := []*node{n}
	for _, name := range names {
		var next []*node
		for _, n := range nodes {
			next = append(next, n.all(name)...)
		}
		nodes = next
	}
	return nodes
}

// entry returns the values under a key of a map, whose keys encoding/json takes as they are.
func (n *node) entry(key string) []*node {
	var out []*node
	for i, k := range n.names {
		if k.text == key {
			out = append(out, n.values[i])
		}
	}
	return out
}

// items returns the items of an array, or nothing for any other value.
func (n *node) items() []*node {
	if n == nil || n.kind != '[' {
		return nil
	}
	return n.values
}
