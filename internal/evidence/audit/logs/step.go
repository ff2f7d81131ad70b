package logs

import (
	"bytes"
	"cmp"
	"path"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// gone takes a line, of a record or after its first, that says a file under _temp is missing, or one in _diag is there.
func (w *workerLog) gone(line []byte, now input.At) {
	life := w.life
	if saysExists(line) {
		life.Exists = cmp.Or(life.Exists, now)
		return
	}
	if len(life.Failures) >= MaxList {
		life.MoreFailures++
		return
	}
	path := input.Text(tempPath(line), input.MaxText)
	for _, f := range life.Failures {
		if f.Path == path {
			return // telemetry and the error itself name the same file
		}
	}
	step := life.step
	if life.process.Known() {
		step = life.process.Step
	}
	life.Failures = append(life.Failures, Failure{now, says(line), path, life.process, step})
}

// says is the error in a line, without what the record has around it.
func says(line []byte) string {
	if r, ok := input.Header(line); ok {
		line = r.Message
	}
	line = bytes.TrimSpace(line)
	if rest, ok := after(line, `errorMessages: ["`); ok {
		line = rest
	}
	return input.Text(bytes.Trim(line, "\"[], "), input.MaxText)
}

// describe says what a process is: an action by its name and version, a script, or the program.
func describe(program, arguments []byte) string {
	args := bytes.ReplaceAll(arguments, []byte{'\\'}, []byte{'/'})
	if i := bytes.LastIndex(args, []byte("_actions/")); i >= 0 {
		if part := bytes.SplitN(args[i+len("_actions/"):], []byte{'/'}, 4); len(part) == 4 {
			return input.Text(part[0], 60) + "/" + input.Text(part[1], 60) + "@" + input.Text(part[2], 60)
		}
	}
	if len(program) == 0 {
		return "a process"
	}
	return input.Text([]byte(path.Base(strings.ReplaceAll(string(word(program, "'")), `\`, "/"))), 60)
}
