package input

import "bytes"

// entry reads what journalctl -o export prints: an entry has a field in each line, in any order, and ends with an empty
// one (https://systemd.io/JOURNAL_EXPORT_FORMATS). The line of a log is in the field MESSAGE.
type entry struct {
	begun, known    bool // the log has begun, and with such an entry
	has             bool // the last one is whole
	binary          bool // the next line is a length of eight bytes and a message that has control characters
	message         []byte
	name, processID string
}

// take takes a line. It reports whether more of an entry is to come.
func (e *entry) take(line []byte) (more bool) {
	if e.has {
		*e = entry{begun: true, known: true, message: e.message[:0]}
	}
	if !e.begun {
		e.begun, e.known = true, bytes.HasPrefix(line, []byte("__CURSOR="))
	}
	if !e.known {
		return false
	}
	if e.binary {
		e.binary = false
		e.message = append(e.message[:0], line[min(8, len(line)):]...)
		return true
	}
	field, value, given := bytes.Cut(line, []byte("="))
	switch string(field) {
	case "": // the entry's end
		e.has = len(e.message) > 0
		return !e.has
	case "MESSAGE":
		e.binary = !given
		e.message = append(e.message[:0], value...)
	case "SYSLOG_IDENTIFIER":
		e.name = Text(value, MaxText)
	case "_PID":
		e.processID = Text(value, MaxText)
	}
	return true
}

// journaled is the source of a line from a journal that tells by name who wrote it.
func journaled(name, processID string) string {
	return Text([]byte(name+"["+processID+"]:"), MaxText)
}
