package logs

import (
	"bytes"
	"cmp"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// sent reads what the Listener sends its Worker, and the renewals.
func (l *listenerLog) sent(m []byte, now input.At) {
	if rest, ok := after(m, "Send job request message to worker for job "); ok {
		job := id(rest)
		life := l.find(job, now)
		switch {
		case job == "":
		case life != nil && !life.Start.Known():
			life.Start = now
			if l.spawned.Known() {
				life.Start, life.PID = l.spawned, l.pid
				l.spawned = input.At{}
			}
			life.End = input.Later(input.Later(life.End, now), life.Start)
			l.noteStart(life)
		case life == nil || life.PID == l.pid:
			l.spawned = input.At{} // the same lines again
		}
	} else if rest, ok := after(m, "Send job cancellation message to worker for job "); ok {
		if life := l.find(id(rest), now); life != nil {
			life.CancelSent, l.cancelSent = now, life.Job
			life.End = input.Later(life.End, life.CancelSent)
		}
	} else if rest, ok := after(m, "Successfully renew job "); ok {
		l.renewed(rest, now)
	}
}

// renewed reads "<job>, job is valid till <time>" of run-service jobs and "request <number>, job is
// valid till <time>" of the others. The time is in the machine's own format and stays a text.
func (l *listenerLog) renewed(rest []byte, now input.At) {
	var life *Life
	if number, ok := after(rest, "request "); ok {
		request := input.Text(word(number, ","), 20)
		for _, other := range l.active {
			if other.request == request {
				life = other
			}
		}
	} else {
		life = l.find(id(rest), now)
	}
	if life == nil {
		return
	}
	life.Renewal = Renewal{At: now}
	life.End = input.Later(life.End, now)
	if i := bytes.Index(rest, []byte("valid till ")); i >= 0 {
		life.Renewal.ValidTill = input.Text(rest[i+len("valid till "):], 40)
	}
}

// noteStart marks cancelled Workers that have not ended yet as overlapping the new one. From 2.336.0 on the Listener
// waits for that end.
func (l *listenerLog) noteStart(life *Life) {
	if life.HeldTo = life.Start; life.HeldBy != nil && !life.HeldBy.Finished.Known() {
		life.HeldBy = nil // it was started beside that one
	}
	for _, other := range l.active {
		if other != life && other.Beside == nil && other.Forced.Known() && !other.Finished.Known() && other.Forced.When <= life.Start.When {
			other.Beside = life
			other.End = input.Later(other.End, life.Start)
		}
	}
}

func (l *listenerLog) cancelRightAway(m []byte, now input.At) {
	// The four texts of JobDispatcher.EnsureDispatchFinished.
	for _, prefix := range [...]string{
		"Catch job-not-found exception while checking jobrequest ",
		"Catch exception while checking jobrequest ",
		"Received job request while previous job ",
	} {
		if rest, ok := after(m, prefix); ok {
			l.force(rest, now)
			return
		}
	}
}

func (l *listenerLog) force(rest []byte, now input.At) {
	if life := l.find(id(rest), now); life != nil {
		life.Forced = now
		if next := l.last; next != nil && next != life && !next.Start.Known() {
			next.HeldBy = life
		}
	}
}

// skips takes a job that the service assigned and would not give when it was asked for it (actions/runner #4728).
func (l *listenerLog) skips(m []byte, now input.At) {
	job := l.ackID
	if named, ok := between(m, "'", "'"); ok {
		job = cmp.Or(id(named), job)
	}
	if life := l.find(job, now); life != nil && !life.Received.Known() {
		life.Dropped = now
		l.over(life)
	}
}

func (l *listenerLog) workerMessage(m []byte, now input.At) {
	if rest, ok := after(m, "We are not yet checking the state of jobrequest "); ok {
		l.force(rest, now)
	} else if rest, ok := after(m, "Worker finished for job "); ok {
		life := l.find(id(rest), now)
		if life == nil {
			return
		}
		if i := bytes.Index(rest, []byte("Code: ")); i >= 0 {
			if code, ok := number(rest[i+len("Code: "):]); ok {
				life.ExitCode = code
			}
		}
		l.ends(life, now)
	} else if rest, ok := after(m, "WRITE LINE: "); ok && l.last != nil && l.last.Name == "" {
		if i := bytes.Index(rest, []byte("Z: Running job: ")); i >= 0 && i < 24 {
			l.last.Name = input.Text(rest[i+len("Z: Running job: "):], input.MaxText)
		}
	}
}

func (l *listenerLog) finishedProcess(rest []byte, now input.At) {
	pid, ok := number(rest)
	if !ok {
		return
	}
	for _, life := range l.active {
		if life.PID == pid {
			if code, ok := between(rest, "exit code ", ","); ok {
				if n, ok := number(code); ok {
					life.ExitCode = n
				}
			}
			l.ends(life, now)
			return
		}
	}
}

// finishRequest is the last word on a job; if its Worker was killed, also the first on its end.
func (l *listenerLog) finishRequest(rest []byte, now input.At) {
	life := l.find(id(rest), now)
	if life == nil {
		return
	}
	if i := bytes.Index(rest, []byte("with result: ")); i >= 0 && life.Result == "" {
		life.Result = input.Text(rest[i+len("with result: "):], 32)
	}
	l.ends(life, now)
	l.over(life)
}

func (l *listenerLog) ends(life *Life, now input.At) {
	if !life.Finished.Known() {
		life.Finished, l.endedJob = now, life.Job
		life.End = input.Later(life.End, now)
	}
}

// busy counts the Workers that are at work, as far as the lines read tell.
func (l *listenerLog) busy() int {
	n := 0
	for _, life := range l.active {
		if !life.Finished.Known() {
			n++
		}
	}
	return n
}
