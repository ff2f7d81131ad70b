package logs

import (
	"bytes"
	"path"
	"strings"
)

// finishedProcess notes how the last process ended.
func (w *workerLog) finishedProcess(rest []byte, now At) {
	life := w.life
	pid, ok := number(rest)
	if !ok || life.process.PID != pid {
		return
	}
	if code, ok := between(rest, "exit code ", ","); ok {
		if n, ok := number(code); ok {
			life.process.exitCode = n
			if n == 127 && !life.Abnormal.Known() {
				life.Abnormal = now
			}
		}
	}
}

// gone takes a line, of a record or after its first, that says a file under _temp is missing.
func (w *workerLog) gone(line []byte, now At) {
	life := w.life
	if len(life.Failures) >= maxList {
		life.MoreFailures++
		return
	}
	path := Text(tempPath(line), MaxText)
	for _, f := range life.Failures {
		if f.Path == path {
			return // telemetry and the error itself name the same file
		}
	}
	life.Failures = append(life.Failures, Failure{now, says(line), path, life.process, life.step})
}

// says is the error in a line, without what the record has around it.
func says(line []byte) string {
	if r, ok := header(line); ok {
		line = r.message
	}
	line = bytes.TrimSpace(line)
	if rest, ok := after(line, `errorMessages: ["`); ok {
		line = rest
	}
	return Text(bytes.Trim(line, "\"[], "), MaxText)
}

// describe says what a process is: an action by its name and version, a script, or the program.
func describe(program, arguments []byte) string {
	args := bytes.ReplaceAll(arguments, []byte{'\\'}, []byte{'/'})
	if i := bytes.LastIndex(args, []byte("_actions/")); i >= 0 {
		if part := bytes.SplitN(args[i+len("_actions/"):], []byte{'/'}, 4); len(part) == 4 {
			return Text(part[0], 60) + "/" + Text(part[1], 60) + "@" + Text(part[2], 60)
		}
	}
	if len(program) == 0 {
		return "a process"
	}
	return Text([]byte(path.Base(strings.ReplaceAll(string(word(program, "'")), `\`, "/"))), 60)
}
