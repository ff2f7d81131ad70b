package rewrite

import (
	"path"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
)

// shown is the reverse of source.
func (t *Translator) shown(host string) string {
	t.mu.Lock()
	written, ok := t.wrote.get(host)
	t.mu.Unlock()
	if ok {
		return written
	}
	return t.plain(host)
}

// plain is shown for a path that was written plainly: the place that differs, and the rest.
func (t *Translator) plain(host string) string {
	if job, ok := t.paths.Job(host); ok {
		return job
	}
	return t.text(host)
}

// text replaces, in what the daemon says, the folders and sockets of jobs by the places that they are laid over: this
// job's, and by their names those of earlier ones, whose containers and volumes may still be there.
func (t *Translator) text(s string) string {
	store := path.Dir(t.Temp.Host) + "/"
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, store)
		if !found || store == "//" {
			out.WriteString(s)
			return out.String()
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return !('0' <= r && r <= '9' || 'a' <= r && r <= 'z' || r == '-' || r == '.') })
		if end < 0 {
			end = len(rest)
		}
		name := strings.TrimRight(rest[:end], ".")
		job, ok := t.place(store + name)
		if !ok || inPath(before) {
			out.WriteString(before + store)
			s = rest
			continue
		}
		out.WriteString(before + job)
		s = rest[len(name):]
	}
}

// place returns what a folder or socket of the store is laid over.
func (t *Translator) place(host string) (job string, ok bool) {
	switch host {
	case t.Temp.Host:
		return t.Temp.Job, true
	case t.Socket.Host:
		return t.Socket.Job, true
	}
	for _, p := range t.Places {
		if host == p.Host {
			return p.Job, true
		}
	}
	_, what, ok := perpid.Parse(path.Base(host))
	switch {
	case ok && what == "":
		return t.Temp.Job, true
	case ok && what == socketName:
		return t.Socket.Job, true
	}
	return "", false
}

// socketName is what follows a dot behind the name of a job's folder in the name of its proxy's socket.
const socketName = "docker.sock"

// inPath reports whether what comes behind this text would be the middle of a path.
func inPath(before string) bool {
	if before == "" {
		return false
	}
	last := before[len(before)-1]
	return last == '/' || last == '.' || last == '-' || last == '_' || '0' <= last && last <= '9' || 'a' <= last && last <= 'z' || 'A' <= last && last <= 'Z'
}

// showText shows a text of the daemon's.
func (t *Translator) showText(e *edits, n *node) {
	if job := t.text(n.text); job != n.text {
		e.set(n, job)
	}
}
