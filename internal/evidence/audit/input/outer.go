package input

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// outer takes off what stands before each line of a log that went through a container or a journal:
//
//	2026-04-20T11:55:19.123456789Z stdout F [RUNNER 2026-04-20 11:55:19Z INFO …     containerd, and kubectl, docker -t less of it
//	runner-1  | [RUNNER 2026-04-20 11:55:19Z INFO …                                 docker compose, [pod/…] of kubectl --prefix
//	Apr 20 11:55:19 host runsvc.sh[815]: [RUNNER 2026-04-20 11:55:19Z INFO …        journalctl
//	{"log":"[RUNNER 2026-04-20 11:55:19Z INFO …\n","stream":"stdout",…}             Docker's own files, journalctl -o json
//	MESSAGE=[RUNNER 2026-04-20 11:55:19Z INFO …                                     journalctl -o export, among other fields
//
// The first record tells how many words that is. A job's text further on in a line is no record.
type outer struct {
	words int // before each line
	known bool
	last  string // the last line's source …
	from  []byte // … and the words it was made of

	entry entry
}

// maxOuter is how far into a line a record may begin.
const maxOuter = 250

// strip returns a line without what stands before it, and what that says of where the line is from.
func (o *outer) strip(line []byte) (rest []byte, source string) {
	if o.entry.has {
		return o.entry.message, journaled(o.entry.name, o.entry.processID)
	}
	if len(line) > 0 && line[0] == '{' {
		if text, from, ok := wrapped(line); ok {
			return text, from
		}
	}
	if !o.known {
		at := begins(line)
		if at < 0 {
			return line, ""
		}
		o.known, o.words = true, len(bytes.Fields(line[:at]))
	}
	if o.words == 0 || begins(line[:min(len(line), headerSource+maxSource)]) == 0 { // a line may have less before it
		return line, ""
	}
	at := 0
	for range o.words {
		at += len(line[at:]) - len(bytes.TrimLeft(line[at:], " "))
		end := bytes.IndexByte(line[at:], ' ')
		if end < 0 || at+end > maxOuter {
			return line, ""
		}
		at += end
	}
	return line[at+1:], o.name(line[:at]) // blanks beyond the first are the line's own
}

// begins returns where in a line its first record begins, -1 if none does.
func begins(line []byte) int {
	for _, form := range [...]string{"[RUNNER 20", "[WORKER 20", "[20"} {
		at := bytes.Index(line[:min(len(line), maxOuter)], []byte(form))
		if at == 0 || at > 0 && line[at-1] == ' ' {
			if _, ok := Header(line[at:]); ok {
				return at
			}
		}
	}
	return -1
}

// name is what the words before a line say of where it is from: all that is no time and no stream's name.
func (o *outer) name(before []byte) string {
	if bytes.Equal(before, o.from) {
		return o.last
	}
	var kept []string
	for _, word := range strings.Fields(string(before)) {
		if c := word[0]; c >= '0' && c <= '9' || slices.Contains([]string{"stdout", "stderr", "F", "P", "|"}, word) || isMonth(word) {
			continue
		}
		kept = append(kept, word)
	}
	o.from, o.last = append(o.from[:0], before...), Text([]byte(strings.Join(kept, " ")), MaxText)
	return o.last
}

func isMonth(word string) bool {
	return len(word) == 3 && strings.Contains("JanFebMarAprMayJunJulAugSepOctNovDec", word)
}

// wrapped reads a line that is an object of JSON with the line in it.
func wrapped(line []byte) (text []byte, source string, ok bool) {
	var o struct {
		Log     *string `json:"log"`
		Message *string `json:"MESSAGE"`
		PID     string  `json:"_PID"`
		Name    string  `json:"SYSLOG_IDENTIFIER"`
	}
	if !bytes.Contains(line, []byte(`"log"`)) && !bytes.Contains(line, []byte(`"MESSAGE"`)) || json.Unmarshal(line, &o) != nil {
		return nil, "", false
	}
	switch {
	case o.Log != nil:
		return []byte(strings.TrimRight(*o.Log, "\r\n")), "", true
	case o.Message != nil:
		return []byte(*o.Message), journaled(o.Name, o.PID), true
	}
	return nil, "", false
}
