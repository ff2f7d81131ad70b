package logs

import (
	"bytes"
	"time"
)

// Stamp is a moment in seconds since 1970 UTC, which is as fine as the logs' times are. 0 is unknown.
type Stamp int64

// Time is the moment as a time.Time.
func (s Stamp) Time() time.Time { return time.Unix(int64(s), 0).UTC() }

// A record starts with a header that HostTraceListener.WriteHeader writes:
//
//	[2026-04-20 11:55:19Z INFO JobDispatcher] Job request 0 for plan …
//
// date and time, a level of four letters, and the name of the trace source. A record's other lines,
// such as those of JSON or of an exception, have none.
const (
	headerTime    = len("[")
	headerTimeEnd = headerTime + len("2026-04-20 11:55:19")
	headerSource  = headerTimeEnd + len("Z INFO ")
	maxSource     = 100
)

// record is a record's first line, taken apart.
type record struct {
	program Kind   // which log it is of, if the line itself tells
	when    []byte // as it stands, for parseTime
	source  []byte
	message []byte
}

// header takes a record's first line apart. False means: no header, so a line of the record before.
func header(line []byte) (r record, ok bool) {
	// With ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=1, as in containers, each line begins with its program.
	for _, p := range [...]struct {
		prefix string
		kind   Kind
	}{{"[RUNNER", runnerLog}, {"[WORKER", workerLogFile}} {
		if rest, ok := after(line, p.prefix); ok {
			line, r.program = rest, p.kind
		}
	}
	if len(line) > 0 && line[0] != '[' && (r.program == unknownLog || line[0] != ' ') {
		return record{}, false
	}
	if len(line) < headerSource+3 || line[headerTimeEnd] != 'Z' || line[headerSource-1] != ' ' {
		return record{}, false
	}
	rest := line[headerSource:]
	i := bytes.IndexByte(rest[:min(len(rest), maxSource)], ']')
	if i < 0 || i+1 >= len(rest) || rest[i+1] != ' ' {
		return record{}, false
	}
	r.when, r.source, r.message = line[headerTime:headerTimeEnd], rest[:i], rest[i+2:]
	return r, true
}

// parseTime reads "2026-04-20 11:55:19".
func parseTime(b []byte) (Stamp, bool) {
	if len(b) != 19 || b[4] != '-' || b[7] != '-' || b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	return civil(b[0:4], b[5:7], b[8:10], b[11:13], b[14:16], b[17:19])
}

// parseNameTime reads the time in a log's file name, "20260420-115519".
func parseNameTime(b []byte) (Stamp, bool) {
	if len(b) < 15 || b[8] != '-' {
		return 0, false
	}
	return civil(b[0:4], b[4:6], b[6:8], b[9:11], b[11:13], b[13:15])
}

func civil(parts ...[]byte) (Stamp, bool) {
	var n [6]int
	for i, part := range parts {
		for _, c := range part {
			if c < '0' || c > '9' {
				return 0, false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	// Date takes 32 January for 1 February. And nothing here is older than the runner.
	if n[0] < 2019 || int(t.Month()) != n[1] || t.Day() != n[2] || n[3] > 23 || n[4] > 59 || n[5] > 60 {
		return 0, false
	}
	return Stamp(t.Unix()), true
}
