package audit

import "bytes"

// pasted reads a file whose name does not tell its log: one log, several that were put into one file, or a
// text that quotes some. A log begins where the kind of record changes, where time goes back, behind a line that
// names a log's file, where a Worker says its version, and after a Worker's last word.
type pasted struct {
	group    *group
	file     *source
	listener *listenerLog
	add      func(*Life)

	kind    kind       // of the log being read
	assumed kind       // of records of which none tells it
	worker  *workerLog // the Worker's log read last; open until the next begins
	written at         // its last record
	pause   bool       // other text stands between that and what comes

	held    held
	cut     bool    // what is held begins a log …
	named   *source // which a line before it named
	heading *source // such a line since the last record
	outside bool    // of any record: an empty line or a heading came since
	last    at      // the file's last record
	source  []byte  // the trace source of the record that comes
}

func newPasted(g *group, s *source, listener *listenerLog, add func(*Life)) *pasted {
	listener.pasted = true
	return &pasted{group: g, file: s, listener: listener, add: add, assumed: s.kind, outside: true}
}

// from tells the trace source of the record that comes next.
func (p *pasted) from(source []byte) { p.source = source }

// loose takes a line without a header and reports whether it belongs to the record before it.
func (p *pasted) loose(line []byte) bool {
	if len(bytes.TrimSpace(line)) == 0 {
		p.outside, p.pause = true, true
		return false
	}
	if heading := headingIn(line); heading != nil {
		p.heading, p.outside, p.pause = heading, true, true
	}
	return !p.outside
}

// headingIn returns the log whose file a line names. Lines of JSON and such are none.
func headingIn(line []byte) *source {
	if line[0] == ' ' || line[0] == '\t' || line[0] == '{' || line[0] == '"' || len(line) > 2*maxText {
		return nil
	}
	const behind, length = "-utc.log", len("Worker_20260420-115519")
	i := bytes.LastIndex(line, []byte(behind))
	if i < length {
		return nil
	}
	if s := classify(string(line[i-length : i+len(behind)])); s.started != 0 {
		return s
	}
	return nil
}

func (p *pasted) record(m []byte, now at) {
	if p.heading != nil || now.when < p.last.when || p.afterEnd(now) {
		p.settle(unknownLog)
		p.cut, p.named, p.heading = true, p.heading, nil
	}
	p.outside, p.last = false, now
	k, host := kindOf(p.source)
	p.held.add(m, now, host, false)
	if k != unknownLog || p.held.full() {
		p.settle(k)
	}
}

// afterEnd reports whether a Worker's log that is at its end cannot go on with what comes at now.
func (p *pasted) afterEnd(now at) bool {
	if p.kind != workerLogFile || p.held.any() || p.cut {
		return false
	}
	end := p.worker.life.completed
	return end.known() && (p.pause || now.when > end.when+2)
}

func (p *pasted) gone(line []byte, now at) {
	if !p.held.any() {
		p.deliver(line, now, true)
		return
	}
	if p.held.add(line, now, false, true); p.held.full() {
		p.settle(unknownLog)
	}
}

// settle gives what is held to the log it belongs to, now that its last record is known to be of kind k.
func (p *pasted) settle(k kind) {
	if !p.held.any() {
		return
	}
	first := 0 // of what begins a log
	switch version := k == workerLogFile && p.held.version(); {
	case p.cut:
	case k != unknownLog && k != p.kind && p.kind != unknownLog:
		first = p.held.firstOfHost()
	case version && p.kind == workerLogFile:
		first = p.held.lastOfHost()
	case p.kind == unknownLog:
	default:
		first = len(p.held.all)
	}
	p.flush(0, first)
	if first < len(p.held.all) {
		p.begin(k, p.held.all[first].now)
		p.flush(first, len(p.held.all))
	}
	p.held.clear()
	p.cut, p.named = false, nil
}

// begin begins a log, of a kind that may have to be guessed.
func (p *pasted) begin(k kind, now at) {
	named := p.named
	if named != nil && k != unknownLog && named.kind != k {
		named = nil
	}
	for _, guess := range [...]kind{p.kind, p.assumed, workerLogFile} {
		if k == unknownLog && named != nil {
			k = named.kind
		} else if k == unknownLog {
			k = guess
		}
	}
	returns := k == workerLogFile && p.returns(now)
	p.kind = k
	if k != workerLogFile || returns {
		return
	}
	p.close()
	part := &source{path: p.file.path, name: p.file.name, kind: k}
	if named != nil {
		part.name = named.name
		if named.started <= now.when {
			part.started = named.started
		}
	}
	p.worker = newWorkerLog(p.group, part, part.started, p.add)
	p.worker.life.pasted = true
	if part.started == 0 {
		p.worker.life.start = now
	}
}

// returns reports whether a Worker's log goes on behind a Listener's lines: logs that were merged by time go to and fro.
func (p *pasted) returns(now at) bool {
	return p.kind == runnerLog && !p.cut && !p.pause && p.worker != nil && now.when >= p.written.when &&
		!p.held.version() && !p.worker.life.completed.known()
}

func (p *pasted) flush(from, to int) {
	for _, h := range p.held.all[from:to] {
		p.deliver(p.held.bytes[h.from:h.to], h.now, h.gone)
	}
}

func (p *pasted) deliver(m []byte, now at, gone bool) {
	switch {
	case p.kind == runnerLog && gone:
	case p.kind == runnerLog:
		p.listener.record(m, now)
	case gone:
		p.worker.gone(m, now)
	default:
		p.worker.record(m, now)
		p.written, p.pause = now, false
	}
}

// close ends the Worker's log.
func (p *pasted) close() {
	if p.worker == nil {
		return
	}
	life := p.worker.life
	p.worker.close(p.written)
	life.partial = life.log.started == 0 && life.page
	life.page, p.worker = false, nil
}

// end ends the file.
func (p *pasted) end() {
	p.settle(unknownLog)
	p.close()
	p.listener.pasted = false
}
