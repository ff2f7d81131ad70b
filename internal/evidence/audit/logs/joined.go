package logs

// joined reads a file whose name tells no log: one log, whole ones behind each other, as cat or "tail -v" joins them,
// or what a container prints, in which the lines of all logs are mixed. A log begins at a line that names its file, and
// where a Listener or a Worker says its version.
type joined struct {
	group    *Group
	file     *Source
	listener *listenerLog
	add      func(*Life)

	kind   Kind       // of the log being read, unknown until a record tells it
	named  bool       // a line named this log, so all that follows is of it
	worker *workerLog // nil if no Worker's log is being read
	last   At         // its last record
	host   At         // the first of the HostContext records just read, with which each log begins
	shared int        // Workers whose log is mixed into another's
}

func (j *joined) record(r record, now At) {
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
	case unknownLog, EventsFile:
	}
	if string(r.source) != "HostContext" {
		j.host = At{}
	} else if !j.host.Known() {
		j.host = now
	}
}

// worked takes a Worker's record.
func (j *joined) worked(r record, now At) {
	_, version := after(r.message, "Version: ")
	version = version && string(r.source) == "Worker" // a container prints each line of a job's text as a record
	host := string(r.source) == "HostContext"
	// Only in what a container prints do the lines of two living Workers stand beside each other.
	beside := r.program != unknownLog && j.listener.busy() > 1
	switch {
	case j.worker == nil && host:
		return
	case j.worker == nil, version && !j.named && !beside:
		start := now
		if version && j.host.Known() {
			start = j.host
		}
		j.begin(&Source{Path: j.file.Path, name: j.file.name, Kind: workerLogFile}, start)
	}
	j.worker.record(r, now)
	if !host { // which may be the next log's first already
		j.last = now
	}
}

// begin begins a Worker's log.
func (j *joined) begin(log *Source, start At) {
	j.end()
	j.worker, j.last = newWorkerLog(j.group, log, log.started, j.add), start
	if log.started == 0 {
		j.worker.life.Start = start
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

func (j *joined) gone(line []byte, now At) {
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
	j.kind, j.named, j.host = log.Kind, true, At{}
	if log.Path = j.file.Path; log.Kind == workerLogFile {
		j.begin(log, At{When: log.started, Evidence: Evidence{File: log}})
	}
	return true
}

// kindOf goes by a record's trace source. Most sources that both programs have, or that are rare, tell nothing.
func kindOf(source []byte) Kind {
	switch string(source) {
	case "Listener", "MessageListener", "BrokerMessageListener", "JobDispatcher":
		return runnerLog
	case "Worker", "JobRunner", "JobExtension", "StepsRunner", "ExecutionContext", "TempDirectoryManager":
		return workerLogFile
	}
	return unknownLog
}
