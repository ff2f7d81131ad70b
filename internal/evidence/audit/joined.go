package audit

// joined reads a file whose name tells no log: one log, whole ones behind each other, as cat or "tail -v" joins them,
// or what a container prints, in which the lines of all logs are mixed. A log begins at a line that names its file, and
// where a Listener or a Worker says its version.
type joined struct {
	group    *group
	file     *source
	listener *listenerLog
	add      func(*Life)

	kind   kind       // of the log being read, unknown until a record tells it
	named  bool       // a line named this log, so all that follows is of it
	worker *workerLog // nil if no Worker's log is being read
	last   at         // its last record
	host   at         // the first of the HostContext records just read, with which each log begins
	shared int        // Workers whose log is mixed into another's
}

func (j *joined) record(r record, now at) {
	switch kind := kindOf(r.source); {
	case r.program != unknownLog:
		j.kind = r.program
	case kind != unknownLog && !j.named:
		j.kind = kind
	}
	switch j.kind {
	case runnerLog:
		j.listener.record(r, now)
	case workerLogFile:
		j.worked(r, now)
	case unknownLog, eventsFile:
	}
	if string(r.source) != "HostContext" {
		j.host = at{}
	} else if !j.host.known() {
		j.host = now
	}
}

// worked takes a Worker's record.
func (j *joined) worked(r record, now at) {
	_, version := after(r.message, "Version: ")
	host := string(r.source) == "HostContext"
	// Only in what a container prints do the lines of two living Workers stand beside each other.
	beside := r.program != unknownLog && j.listener.busy() > 1
	switch {
	case j.worker == nil && host:
		return
	case j.worker == nil, version && !j.named && !beside:
		start := now
		if version && j.host.known() {
			start = j.host
		}
		j.begin(&source{path: j.file.path, name: j.file.name, kind: workerLogFile}, start)
	}
	j.worker.record(r, now)
	if !host { // which may be the next log's first already
		j.last = now
	}
}

// begin begins a Worker's log.
func (j *joined) begin(log *source, start at) {
	j.end()
	j.worker, j.last = newWorkerLog(j.group, log, log.started, j.add), start
	if log.started == 0 {
		j.worker.life.start = start
	}
}

// end ends the Worker's log that is being read.
func (j *joined) end() {
	if j.worker == nil {
		return
	}
	j.worker.close(j.last)
	j.shared += j.worker.interleave
	j.worker = nil
}

func (j *joined) gone(line []byte, now at) {
	if j.kind == workerLogFile && j.worker != nil {
		j.worker.gone(line, now)
	}
}

// heading takes a line outside the records' form. It reports whether that names the log that follows, as "tail -v" does:
//
//	==> _diag/Worker_20260420-115519-utc.log <==
func (j *joined) heading(line []byte) bool {
	path, ok := between(line, "==> ", " <==")
	if !ok || line[0] != '=' {
		return false
	}
	log := classify(string(path))
	if log.started == 0 {
		return false
	}
	j.end()
	j.kind, j.named, j.host = log.kind, true, at{}
	if log.path = j.file.path; log.kind == workerLogFile {
		j.begin(log, at{when: log.started, evidence: evidence{file: log}})
	}
	return true
}

// kindOf goes by a record's trace source. Most sources that both programs have, or that are rare, tell nothing.
func kindOf(source []byte) kind {
	switch string(source) {
	case "Listener", "MessageListener", "BrokerMessageListener", "JobDispatcher":
		return runnerLog
	case "Worker", "JobRunner", "JobExtension", "StepsRunner", "ExecutionContext", "TempDirectoryManager":
		return workerLogFile
	}
	return unknownLog
}
