package workers

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParseStep: the name of a step is text of one line of the log, and the last one's.
func FuzzParseStep(f *testing.F) {
	for _, seed := range []string{
		"[2026-04-20 11:55:19Z INFO StepsRunner] Processing step: DisplayName='Run tests'\n", "Processing step: DisplayName='it's'\nx", "Processing step: DisplayName='\n'",
		"Processing step: DisplayName='a'Processing step: DisplayName='b'", "Processing step: DisplayName='\xff'", "'", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, log []byte) {
		got := parseStep(log)
		if !utf8.ValidString(got) || strings.Contains(got, "\n") {
			t.Fatalf("%q gives %q", log, got)
		}
		if utf8.Valid(log) && got != "" && !bytes.Contains(log, []byte("DisplayName='"+got+"'")) {
			t.Fatalf("%q gives %q, which is not in it", log, got)
		}
		if last := parseStep(append(bytes.Clone(log), "\nProcessing step: DisplayName='the last'\n"...)); last != "the last" {
			t.Fatalf("%q and another step gives %q", log, last)
		}
	})
}
