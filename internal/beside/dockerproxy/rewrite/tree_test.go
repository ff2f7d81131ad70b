package rewrite

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzParse: the tree is the text: put together again from its leaves it decodes to the same, and each
// node's bytes are JSON.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		` { "a" : [ 1 , "x\"\\\u00e4\ud800" , null , { } , [ ] ] , "a" : -0.5e+3 } `, `"ä"`, `7 8`, `[[[]]]x`, "\"\xff\"", `true`, ``, ` `, `{"a":`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var want any
		reference := json.NewDecoder(bytes.NewReader(body))
		reference.UseNumber() // those too large for a float64 too
		err := reference.Decode(&want)
		n, ok := parse(body)
		if ok != (err == nil) {
			t.Fatalf("%q: %v, but encoding/json says %v", body, ok, err)
		}
		if !ok {
			return
		}
		got, err := json.Marshal(build(t, body, n))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(want); err != nil || !bytes.Equal(got, again) {
			t.Fatalf("%q was read as %s, not %s (%v)", body, got, again, err)
		}
	})
}

// build decodes a tree; of equal keys the last counts.
func build(t *testing.T, body []byte, n *node) any {
	text := body[n.start:n.end]
	if !json.Valid(text) {
		t.Fatalf("%q has the value %q", body, text)
	}
	switch n.kind {
	case '[':
		out := []any{}
		for _, v := range n.values {
			out = append(out, build(t, body, v))
		}
		return out
	case '{':
		out := map[string]any{}
		for i, name := range n.names {
			if quoted := body[name.start:name.end]; !json.Valid(quoted) || quoted[0] != '"' {
				t.Fatalf("%q has the key %q", body, quoted)
			}
			out[name.text] = build(t, body, n.values[i])
		}
		return out
	case '"':
		return n.text
	}
	var out any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
