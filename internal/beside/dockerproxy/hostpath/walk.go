package hostpath

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
)

// maxLinks is how many links are followed in one path. The kernel follows 40 (path_resolution(7)).
const maxLinks = 40

// walk follows one path, component by component, with the job's eyes.
type walk struct {
	places  []place
	links   links
	at      string // where the walk is: no links in it, as the job names it
	entered *place // the first redirected place that the walk came through
	rest    string // what was still to be walked then, by the letters of the path
	looped  bool
}

func (w *walk) run(name string) {
	w.at = "/"
	links := 0
	for rest := strings.TrimPrefix(name, "/"); rest != ""; {
		var component string
		component, rest, _ = strings.Cut(rest, "/")
		switch component {
		case "", ".":
			continue
		case "..":
			w.at = path.Dir(w.at)
			continue
		}
		next := below(w.at, component)
		target := w.links.read(w.onHost(next))
		if target == "" {
			w.at = next
			w.enter(rest)
			continue
		}
		if links++; links > maxLinks {
			w.looped = true
			w.at = path.Join(next, rest)
			return
		}
		if path.IsAbs(target) {
			w.at = "/"
		}
		if rest != "" {
			target += "/" + rest
		}
		rest = target
	}
}

// enter notes that the walk has come to a redirected place.
func (w *walk) enter(rest string) {
	if w.entered != nil {
		return
	}
	for i := range w.places {
		if w.at == w.places[i].real {
			w.entered, w.rest = &w.places[i], rest
			return
		}
	}
}

// onHost returns the host's path of a place that has no links in it.
func (w *walk) onHost(name string) string {
	for _, p := range w.places {
		if rel, ok := paths.Under(name, p.real); ok {
			return below(p.Host, rel)
		}
	}
	return name
}

// below is path.Join for two clean paths, without looking at every letter again.
func below(dir, rel string) string {
	switch {
	case rel == "":
		return dir
	case dir == "/":
		return dir + rel
	}
	return dir + "/" + rel
}

// host is the source's new path: what was written, with only the part that led to the redirected place
// replaced, if that leads to the same place on the host; otherwise the place itself.
func (w *walk) host(source string) string {
	if w.looped {
		return source
	}
	meant := w.onHost(w.at)
	written := w.entered.Host
	if w.rest != "" {
		written += "/" + w.rest
	}
	if written == meant || w.links.follow(written) == w.links.follow(meant) {
		return written
	}
	return meant
}

// links remembers what it has read: the target of each link by its path, and "" for what is none.
type links map[string]string

// read returns the target of the link at a path of the host's, or "" if it is no link, or nothing is
// there.
func (l links) read(name string) string {
	target, ok := l[name]
	if !ok {
		var buffer [unix.PathMax]byte
		if n, err := unix.Readlink(name, buffer[:]); err == nil {
			target = string(buffer[:n])
		}
		l[name] = target
	}
	return target
}

// follow returns where a path leads on the host.
func (l links) follow(name string) string {
	w := walk{links: l}
	w.run(path.Clean(name))
	return w.at
}
