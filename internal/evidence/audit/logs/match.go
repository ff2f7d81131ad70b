package logs

import (
	"bytes"
)

// after returns what follows prefix in b.
func after(b []byte, prefix string) ([]byte, bool) {
	if len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix {
		return b[len(prefix):], true
	}
	return nil, false
}

// word returns b up to the first of the bytes in stop, or all of it.
func word(b []byte, stop string) []byte {
	if i := bytes.IndexAny(b, stop); i >= 0 {
		return b[:i]
	}
	return b
}

// id returns the job id that b starts with; "" if there is none of a sane length.
func id(b []byte) string {
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c == '-', c >= 'A' && c <= 'F':
			if i < maxID {
				continue
			}
			return ""
		}
		b = b[:i]
		break
	}
	if len(b) < 8 || len(b) > maxID {
		return ""
	}
	return string(bytes.ToLower(b))
}

// number returns the decimal number that b starts with; false if there is none or it has over nine digits.
func number(b []byte) (int, bool) {
	n, i := 0, 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		if i == 9 {
			return 0, false
		}
		n = n*10 + int(b[i]-'0')
	}
	return n, i > 0
}

// between returns what stands between the first open and the next closing text.
func between(b []byte, open, closing string) ([]byte, bool) {
	i := bytes.Index(b, []byte(open))
	if i < 0 {
		return nil, false
	}
	b = b[i+len(open):]
	i = bytes.Index(b, []byte(closing))
	if i < 0 {
		return nil, false
	}
	return b[:i], true
}

// tempPath returns the path in b that has _temp in it, from one delimiter to the next.
func tempPath(b []byte) []byte {
	i := bytes.Index(b, []byte("_temp"))
	if i < 0 {
		return nil
	}
	const delimiters = "\"'()[]<>,;\t"
	start := bytes.LastIndexAny(b[:i], delimiters) + 1
	path := word(b[start:], delimiters)
	// A path may have spaces in it, so it starts at its root if one can be seen.
	if j := bytes.Index(path, []byte(" /")); j >= 0 && j < i-start {
		path = path[j+1:]
	}
	path = bytes.TrimSpace(path)
	// sh: 1: cannot open /…/_temp/x: No such file
	if j := bytes.Index(path, []byte(": ")); j > 0 && bytes.Contains(path[:j], []byte("_temp")) {
		path = path[:j]
	}
	return path
}

// Missing is what a job of issue 4357 fails with.
const Missing = "Missing file at path"

// skippingSummary is what the runner says of a summary that is gone.
const skippingSummary = "does not exist; skipping attachment"

// gone are the texts, one of which an error has that says a file is missing: the actions toolkit's
// file commands, the Worker's own step summary, .NET, and what shells and Node.js print.
var gone = [...]string{
	Missing,
	skippingSummary,
	"Could not find file",
	"Could not find a part of the path",
	"No such file or directory",
	"ENOENT",
}

// saysGone reports whether a line says that a file under _temp is missing.
func saysGone(line []byte) bool {
	if !bytes.Contains(line, []byte("_temp")) {
		return false
	}
	for _, s := range gone {
		if bytes.Contains(line, []byte(s)) {
			return true
		}
	}
	return false
}

// saysExists reports whether a line says that a file which a Worker wanted to make in _diag was there: a Worker of the
// same job, which was killed, has left it.
func saysExists(line []byte) bool {
	return bytes.Contains(line, []byte("already exists")) && (bytes.Contains(line, []byte("_diag/pages")) || bytes.Contains(line, []byte("_diag/blocks")))
}
