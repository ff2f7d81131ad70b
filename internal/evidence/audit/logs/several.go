package logs

import (
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// several reads a file whose name tells no log: one log; whole ones behind each other, as cat or "tail -v" joins them;
// or what containers and services print, in which the lines of all logs are mixed.
type several struct {
	new     func(source string) *mixed
	streams map[string]*mixed // by what stands before the lines
	now     *mixed            // of the line being read
	found   bool              // a record of which the program is known
}

// maxStreams bounds what is told apart; a journal has a stream for each start of each runner's service.
const maxStreams = 1000

func newSeveral(g *input.Group, s *input.Source, listener *listenerLog, add func(*Life)) *several {
	return &several{streams: map[string]*mixed{}, new: func(source string) *mixed {
		m := &mixed{group: g, file: s, listener: listener}
		m.workers = workers{group: g, from: s, add: add}
		if source != "" {
			m.workers.add = func(l *Life) { l.Stream = source; add(l) }
			m.listener = &listenerLog{group: g, add: m.workers.add}
		}
		return m
	}}
}

// outside takes each line first. It reports whether that is all there is to do.
func (s *several) outside(line input.Line) bool {
	if s.now = s.streams[line.Source]; s.now == nil {
		if len(s.streams) == maxStreams {
			return true
		}
		s.now = s.new(line.Source)
		s.streams[line.Source] = s.now
	}
	return !line.Begins && s.now.heading(line.Text)
}

func (s *several) record(r input.Record, now input.At) {
	s.now.record(r, now)
	s.found = s.found || s.now.kind != input.UnknownLog
}

func (s *several) gone(line []byte, now input.At) { s.now.gone(line, now) }

// end ends all logs.
func (s *several) end() {
	for source, m := range s.streams {
		m.workers.end()
		if source != "" {
			m.listener.newListener()
		}
	}
}

// mixed reads one stream of lines. A log begins at a line that names its file, and at one in which a Listener or a
// Worker says its version.
type mixed struct {
	group    *input.Group
	file     *input.Source
	listener *listenerLog
	workers  workers

	kind  input.Kind // of the log being read, unknown until a record tells it
	named bool       // a line named this log, so all that follows is of it
	whole bool       // some Worker's log has its beginning here
	last  input.At   // a Worker's last record
	host  input.At   // the first of the HostContext records just read, with which each log begins
}

func (j *mixed) record(r input.Record, now input.At) {
	switch kind := kindOf(r.Trace); {
	case r.Program == input.RunnerLog:
		j.kind = input.RunnerLog
	case r.Program == input.WorkerLog:
		j.kind = input.WorkerLog
	case kind != input.UnknownLog && !j.named:
		j.kind = kind
	}
	host := string(r.Trace) == "HostContext"
	if !host {
		j.host = input.At{}
	} else if !j.host.Known() {
		j.host = now
	}
	switch j.kind {
	case input.RunnerLog:
		j.listener.record(r, now)
		j.workers.ended(j.listener)
	case input.WorkerLog:
		j.worked(r, now, host)
	case input.UnknownLog, input.EventsFile:
	}
}

// worked takes a Worker's record. Only in what a container prints do the lines of two living Workers stand beside each
// other, and the Listener's there tell of both.
func (j *mixed) worked(r input.Record, now input.At, host bool) {
	beside := r.Program != input.UnknownLog && j.listener.busy() > 1
	switch {
	case j.named:
	case isVersion(r, "Worker"): // a container prints each line of a job's text as a record
		j.whole = true
		start := now
		if j.host.Known() {
			start = j.host
		}
		j.begin(beside, start)
	case j.workers.speaker == nil && host:
		return
	case j.workers.speaker == nil, !host && now.When < j.last.When-1:
		j.begin(false, now)
	}
	if !j.whole && beside {
		j.withoutBeginning(r, now)
	}
	if isCancel(r) {
		j.workers.cancelled(j.listener.cancelSent)
		j.listener.cancelSent = ""
	}
	j.workers.record(r, now)
	if !host { // which may be the next log's first already
		j.last = now
	}
}

// withoutBeginning begins the log of a Worker that the Listener has just started if no Worker's log has a beginning, as
// in what somebody copied: at what only a Worker says that begins.
func (j *mixed) withoutBeginning(r input.Record, now input.At) {
	l := j.listener.last
	if l == nil || !l.Start.Known() || l.Finished.Known() || l.Start.When >= now.When || j.workers.has(l.Job) {
		return
	}
	_, temp := after(r.Message, "Well known directory 'Temp': '")
	_, step := after(r.Message, "Processing step: DisplayName='")
	if temp || step {
		j.begin(now.When >= j.last.When-1, now)
		j.workers.speaker.life.Job = l.Job
	}
}

// begin begins a Worker's log, beside those that are being read or behind them.
func (j *mixed) begin(beside bool, start input.At) {
	if !beside {
		j.workers.end()
	}
	j.last = start
	j.workers.from = &input.Source{Path: j.file.Path, Name: j.file.Name, Kind: input.WorkerLog}
	j.workers.begin(start)
}

func (j *mixed) gone(line []byte, now input.At) {
	if j.kind == input.WorkerLog && j.workers.speaker != nil {
		j.workers.gone(line, now)
	}
}

// heading takes a line outside the records' form. It reports whether that names the log that follows, as "tail -v" does:
//
//	==> _diag/Worker_20260420-115519-utc.log <==
func (j *mixed) heading(line []byte) bool {
	path, ok := between(line, "==> ", " <==")
	if !ok || line[0] != '=' {
		return false
	}
	log := input.Classify(string(path))
	if log.Started == 0 {
		return false
	}
	j.workers.end()
	j.kind, j.named, j.host = log.Kind, true, input.At{}
	if log.Path = j.file.Path; log.Kind == input.WorkerLog {
		j.workers.from = log
		j.workers.begin(input.At{When: log.Started, Evidence: input.Evidence{File: log}})
	}
	return true
}

// kindOf goes by a record's trace source. Most sources that both programs have, or that are rare, tell nothing.
func kindOf(source []byte) input.Kind {
	switch string(source) {
	case "Listener", "MessageListener", "BrokerMessageListener", "JobDispatcher":
		return input.RunnerLog
	case "Worker", "JobRunner", "JobExtension", "StepsRunner", "ExecutionContext", "TempDirectoryManager":
		return input.WorkerLog
	}
	return input.UnknownLog
}
