package logs

import (
	"bytes"
	"path"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// listenerLog reads a runner's Runner_*.log files, page after page, in the order of their names.
type listenerLog struct {
	add func(*Life) // keeps a life

	active  []*Life // jobs in hand, oldest first
	ended   [16]string
	nEnded  int
	last    *Life    // the job received last
	ack     input.At // the last acknowledged request …
	ackID   string
	group   *input.Group
	version string

	worker  bool     // the process being started is a Worker
	spawned input.At // a Worker that no job was sent to yet …
	pid     int

	now                  input.At // of the last record
	cancelSent, endedJob string   // the job of the last such line, until whoever needs it has taken it
}

// record takes the first line of a record.
func (l *listenerLog) record(r input.Record, now input.At) {
	m := r.Message
	if len(m) == 0 {
		return
	}
	l.now = now
	switch m[0] {
	case 'A':
		if rest, ok := after(m, "Acknowledging runner request '"); ok {
			l.ack, l.ackID = now, id(rest)
		}
	case 'C', 'R':
		l.cancelRightAway(m, now)
	case 'F':
		if rest, ok := after(m, "Finished process "); ok {
			l.finishedProcess(rest, now)
		}
	case 'J':
		l.jobMessage(m, now)
	case 'P':
		if rest, ok := after(m, "Process started with process id "); ok && l.worker {
			l.worker = false
			l.orphanSpawn()
			l.spawned = now
			l.pid, _ = number(rest)
		}
	case 'S', '[': // since 2.337 with the runner's name before it
		if bytes.Contains(m, []byte("Skipping message Job. ")) {
			l.skips(m, now)
		}
		l.sent(m, now)
	case 'V':
		if rest, ok := after(m, "Version: "); ok { // a Listener starts: what the last one had in hand is over
			l.newListener()
			l.version = input.Text(rest, 32)
		}
	case 'W':
		l.workerMessage(m, now)
	case 'f':
		if rest, ok := after(m, "finish job request for job "); ok {
			l.finishRequest(rest, now)
		}
	case ' ':
		if rest, ok := after(m, "  File name: '"); ok {
			l.worker = isWorker(word(rest, "'"))
		}
	}
}

// isWorker reports whether a program is the Worker, on any platform.
func isWorker(file []byte) bool {
	base := path.Base(strings.ReplaceAll(string(file), `\`, "/"))
	return base == "Runner.Worker" || base == "Runner.Worker.exe"
}

func (l *listenerLog) newListener() {
	l.orphanSpawn()
	for _, life := range l.active {
		if life.HeldBy != nil && !life.Start.Known() {
			life.HeldTo = l.now
		}
	}
	l.active, l.last, l.ackID, l.worker = nil, nil, "", false
}

// orphanSpawn keeps a Worker that was started, but whose job no line names.
func (l *listenerLog) orphanSpawn() {
	if !l.spawned.Known() {
		return
	}
	life := newLife(l.group)
	life.PID, life.Seen, life.Start, life.End, life.Version = l.pid, l.spawned, l.spawned, l.spawned, l.version
	l.spawned = input.At{}
	l.add(life)
	l.noteStart(life)
}

// find returns the active life of a job, or makes one if the log begins in its midst.
func (l *listenerLog) find(job string, now input.At) *Life {
	if job == "" {
		return nil
	}
	for _, life := range l.active {
		if life.Job == job {
			return life
		}
	}
	for _, ended := range l.ended {
		if ended == job {
			return nil
		}
	}
	life := newLife(l.group)
	life.Job, life.Seen, life.End, life.Version = job, now, now, l.version
	l.add(life)
	if len(l.active) >= maxActive {
		l.active = append(l.active[:0], l.active[1:]...)
	}
	l.active = append(l.active, life)
	return life
}

func (l *listenerLog) over(life *Life) {
	for i, other := range l.active {
		if other == life {
			l.active = append(l.active[:i], l.active[i+1:]...)
			l.ended[l.nEnded%len(l.ended)] = life.Job
			l.nEnded++
			return
		}
	}
}

func (l *listenerLog) jobMessage(m []byte, now input.At) {
	if rest, ok := after(m, "Job request "); ok && bytes.HasSuffix(m, []byte(" received.")) {
		i := bytes.Index(rest, []byte(" job "))
		if i < 0 {
			return
		}
		job := id(rest[i+len(" job "):])
		if job == "" {
			return
		}
		for i := range l.ended { // a job may be sent again
			if l.ended[i] == job {
				l.ended[i] = ""
			}
		}
		var others []Met
		for _, other := range l.active {
			if other.Job != job && !other.Finished.Known() && len(others) < MaxList {
				others = append(others, Met{other, other.Renewal})
			}
		}
		life := l.find(job, now)
		life.Received, life.Met = now, others
		if request := input.Text(word(rest, " "), 20); request != "0" {
			life.request = request
		}
		if l.ackID == job {
			life.Acknowledged = l.ack
		}
		l.last = life
		return
	}
	if rest, ok := after(m, "Job cancellation request "); ok {
		if life := l.find(id(rest), now); life != nil {
			life.UserCancel = now
		}
	}
}
