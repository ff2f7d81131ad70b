package input

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
// date and time, a level of at most four letters, padded with blanks, and the name of the trace source. A record's other
// lines, such as those of JSON or of an exception, have none. With ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=1, as in
// containers, the program stands before the date.
const (
	headerTime    = len("[")
	headerTimeEnd = headerTime + len("2026-04-20 11:55:19")
	headerSource  = headerTimeEnd + len("Z INFO ")
	maxSource     = 100
)

// Record is a record's first line, taken apart.
type Record struct {
	Program Kind   // which wrote it, if the line itself tells
	When    []byte // as it stands
	Trace   []byte // the trace source
	Message []byte
}

// Header takes a record's first line apart. False means: no header, so a line of the record before.
func Header(line []byte) (r Record, ok bool) {
	if bytes.HasPrefix(line, []byte("[RUNNER ")) {
		line, r.Program = line[len("[RUNNER"):], RunnerLog
	} else if bytes.HasPrefix(line, []byte("[WORKER ")) {
		line, r.Program = line[len("[WORKER"):], WorkerLog
	} else if len(line) > 0 && line[0] != '[' {
		return Record{}, false
	}
	if len(line) < headerSource+3 || line[headerTimeEnd] != 'Z' || line[headerTimeEnd+1] != ' ' {
		return Record{}, false
	}
	at := headerTimeEnd + len("Z ")
	for n := 0; n < 4 && line[at] >= 'A' && line[at] <= 'Z'; n++ {
		at++
	}
	for n := 0; n < 2 && line[at] == ' '; n++ { // text that was copied may have lost one of two
		at++
	}
	rest := line[at:]
	i := bytes.IndexByte(rest[:min(len(rest), maxSource)], ']')
	if i < 0 || i+1 >= len(rest) || rest[i+1] != ' ' || line[at-1] != ' ' {
		return Record{}, false
	}
	r.When, r.Trace, r.Message = line[headerTime:headerTimeEnd], rest[:i], rest[i+2:]
	return r, true
}

// parseTime reads "2026-04-20 11:55:19".
func parseTime(b []byte) (Stamp, bool) {
	if len(b) != 19 || b[4] != '-' || b[7] != '-' || b[10] != ' ' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	return civil(b[0:4], b[5:7], b[8:10], b[11:13], b[14:16], b[17:19])
}

// NameTime reads the time in a log's file name, "20260420-115519".
func NameTime(b []byte) (Stamp, bool) {
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
