package events

import (
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxLine is the length in bytes that no line reaches, newline included: a page, so that even a file
// system that copies page by page takes it in one piece.
const maxLine = 4096

// Encoded lengths, in bytes, at which strings are cut, and numbers of list entries that are written.
// Together with the fixed parts they stay under maxLine; TestLongestLine holds them to it.
const (
	maxDir    = 900
	maxExe    = 700
	maxError  = 700
	maxWord   = 40
	maxAlive  = 32
	maxStages = 16
)

// AppendLine appends e as one JSON line, under 4096 bytes, to b. It is written by hand because encoding/json builds its
// encoder by reflection in each new process, and the shim is always a new process.
func AppendLine(b []byte, e *Event) []byte {
	b = append(b, `{"time":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","kind":`...)
	b = appendString(b, string(e.Kind), maxWord)
	b = append(b, `,"pid":`...)
	b = strconv.AppendInt(b, int64(e.PID), 10)
	b = append(b, `,"job":{"pid":`...)
	b = strconv.AppendInt(b, int64(e.Job.PID), 10)
	if e.Job.Start != 0 {
		b = append(b, `,"start":`...)
		b = strconv.AppendUint(b, e.Job.Start, 10)
	}
	b = appendText(b, `,"exe":`, e.Job.Exe, maxExe)
	b = append(b, '}')
	b = appendText(b, `,"dir":`, e.Dir, maxDir)
	if e.Namespace != 0 {
		b = append(b, `,"ns":`...)
		b = strconv.AppendUint(b, e.Namespace, 10)
	}
	b = appendAlive(b, e)
	b = appendInt(b, `,"files":`, e.Files)
	b = appendInt(b, `,"bytes":`, e.Bytes)
	b = appendInt(b, `,"count":`, int64(e.Count))
	b = appendStages(b, e.Stages)
	b = appendText(b, `,"outcome":`, e.Outcome, maxWord)
	b = appendText(b, `,"error":`, e.Error, maxError)
	return append(b, '}', '\n')
}

func appendInt(b []byte, key string, v int64) []byte {
	if v == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), v, 10)
}

func appendText(b []byte, key, s string, limit int) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, key...), s, limit)
}

func appendAlive(b []byte, e *Event) []byte {
	if len(e.Alive) == 0 {
		return appendInt(b, `,"alive_total":`, int64(e.AliveTotal))
	}
	b = append(b, `,"alive":[`...)
	for i, pid := range e.Alive[:min(len(e.Alive), maxAlive)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(pid), 10)
	}
	b = append(b, ']')
	if total := max(e.AliveTotal, len(e.Alive)); total > min(len(e.Alive), maxAlive) {
		b = appendInt(b, `,"alive_total":`, int64(total))
	}
	return b
}

func appendStages(b []byte, stages Stages) []byte {
	if len(stages) == 0 {
		return b
	}
	b = append(b, `,"stages_us":{`...)
	for i, s := range stages[:min(len(stages), maxStages)] {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s.Name, maxWord)
		b = append(b, ':')
		b = strconv.AppendInt(b, s.Duration.Microseconds(), 10)
	}
	return append(b, '}')
}

// appendString appends s as a JSON string, cut with an ellipsis if its contents would take more than limit bytes. Bytes
// that are not UTF-8 become U+FFFD, as encoding/json has it.
func appendString(b []byte, s string, limit int) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for start := len(b); len(s) > 0; {
		var enc [6]byte
		e := enc[:0]
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == '"' || r == '\\':
			e = append(e, '\\', byte(r))
		case unicode.IsControl(r): // both sets of control characters: people look at the file on terminals
			e = append(e, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			e = utf8.AppendRune(e, r)
		}
		if len(b)-start+len(e) > limit {
			b = append(b, "…"...)
			break
		}
		b = append(b, e...)
		s = s[n:]
	}
	return append(b, '"')
}
