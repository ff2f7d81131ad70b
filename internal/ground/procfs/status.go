// Package procfs lists processes, says when they began, and reads what the kernel says of one in the lines of its
// /proc/PID/status (proc_pid_status(5)). What a process calls itself cannot pass for a line: the kernel escapes a newline in a name.
package procfs

import (
	"os"
	"strconv"
	"strings"
)

// Status is the text of such a file.
type Status string

// Read reads the status of the process whose folder in a /proc is given.
func Read(folder string) (Status, error) {
	data, err := os.ReadFile(folder + "/status")
	return Status(data), err
}

// Line returns the value of a field, "" if there is none.
func (s Status) Line(field string) string {
	rest, ok := strings.CutPrefix(string(s), field+":")
	if !ok {
		_, rest, _ = strings.Cut(string(s), "\n"+field+":")
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

// Words returns the words of a field, of which PIDs, ids and groups have several.
func (s Status) Words(field string) []string { return strings.Fields(s.Line(field)) }

// Word returns the first word of a field, "" if there is none.
func (s Status) Word(field string) string {
	if words := s.Words(field); len(words) > 0 {
		return words[0]
	}
	return ""
}

// Number returns a field that is a number in this base, 0 if it is not a number.
func (s Status) Number(field string, base int) uint64 {
	n, err := strconv.ParseUint(s.Word(field), base, 64)
	if err != nil {
		return 0
	}
	return n
}

// Inner returns the process's PID in its own PID namespace (NSpid, Linux 4.1), 0 if it is not told.
func (s Status) Inner() int {
	words := s.Words("NSpid")
	if len(words) == 0 {
		return 0
	}
	pid, err := strconv.ParseUint(words[len(words)-1], 10, 31)
	if err != nil {
		return 0
	}
	return int(pid)
}
