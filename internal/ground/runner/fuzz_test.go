package runner

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParseWorkFolder: a work folder comes out of JSON only, is a value under that key in it, in whatever case,
// and can be a path.
func FuzzParseWorkFolder(f *testing.F) {
	for _, seed := range []string{
		config, `{"WORKFOLDER":"/data"}`, `{"workFolder":null}`, "\ufeff", `{"workFolder":"\u0000"}`, "[1", `{"workFolder":"a","workFolder":"b"}`,
		`{"work\u0046older":"x"}`, `{"workfolder":"x","workFolder":{}}`, `{"workFolder":"\ud800"}`, "{\"wor\u212aFolder\":\"k\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		work, err := parseWorkFolder(data)
		if err != nil {
			return
		}
		if work == "" || strings.Contains(work, "\x00") {
			t.Fatalf("%q gives %q", data, work)
		}
		// Token by token, as a map would keep one of equal keys only.
		d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
		d.UseNumber()
		if open, err := d.Token(); err != nil || open != json.Delim('{') {
			t.Fatalf("%q gives %q, and begins with %v (%v)", data, work, open, err)
		}
		last := ""
		for d.More() {
			key, err := d.Token()
			var value any
			if err == nil {
				err = d.Decode(&value)
			}
			if err != nil {
				t.Fatalf("%q gives %q, and is not JSON: %v", data, work, err)
			}
			if text, ok := value.(string); ok && strings.EqualFold(key.(string), "workFolder") {
				last = text
			}
		}
		if last != work {
			t.Fatalf("%q gives %q, and the last workFolder in it is %q", data, work, last)
		}
	})
}
