package runner

import (
	"strings"
	"testing"
)

// TestSimpleWorkFolder: what the real config.sh writes is taken, and what could mean something else is left.
func TestSimpleWorkFolder(t *testing.T) {
	for text, want := range map[string]string{
		config: "_work",
		"{\n  \"agentId\": 12,\n  \"isHostedServer\": false,\n  \"workFolder\": \"/data/work\"\n}\n": "/data/work",
		`{"WORKFOLDER":"x"}`:                  "x",
		"\xef\xbb\xbf{\"workFolder\":\"x\"}":  "x",
		`{"workFolder":""}`:                   "",
		`{"workFolder":"a","workFolder":"b"}`: "",
		`{"workFolder":"a\u002f"}`:            "",
		`{"workFolder":"ä"}`:                  "",
		`{"workFolder":null}`:                 "",
		`{"other":{},"workFolder":"a"}`:       "",
		`{"other":-1,"workFolder":"a"}`:       "",
		`{"other":01,"workFolder":"a"}`:       "",
		`{"workFolder":"a"} x`:                "",
		`{"workFolder":"a",}`:                 "",
		`{"workFolder":"a"`:                   "",
		`{}`:                                  "",
		``:                                    "",
	} {
		from, to, ok := SimpleWorkFolder([]byte(text))
		if got := text[from:to]; !ok && want != "" || ok && got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, ok, want)
		}
	}
}

// FuzzSimpleWorkFolder: whatever it takes, encoding/json takes alike.
func FuzzSimpleWorkFolder(f *testing.F) {
	for _, seed := range []string{
		config, `{"workFolder":"a","b":true,"c":null,"d":false,"e":0,"f":10}`, "\ufeff{\"workFolder\" :\t\"a\"\r\n} ", `{"workFolder":"a"}{`,
		`{"workFolder":"a",  "x": 012}`, `{"worKFolder":"a"}`, `{"a":"\"","workFolder":"b"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		from, to, ok := SimpleWorkFolder(data)
		if !ok {
			return
		}
		if from < 0 || to > len(data) || from >= to {
			t.Fatalf("%q: from %d to %d", data, from, to)
		}
		want, err := parseWorkFolder(data)
		if err != nil || want != string(data[from:to]) || strings.ContainsAny(want, "\"\\") {
			t.Fatalf("%q: %q; encoding/json has %q, %v", data, data[from:to], want, err)
		}
	})
}
