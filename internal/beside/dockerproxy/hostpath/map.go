package hostpath

import (
	"path"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
)

// Redirect is one place that differs: what the job finds at the path Job lies at Host on the host.
// Both are absolute. Job is a folder or file that the host has too, or had; it may lead through links.
type Redirect struct{ Job, Host string }

// Below is a place that differs below the path that was asked for: Rel under it, without a leading slash.
type Below struct{ Rel, Host string }

// Map holds the places that differ.
type Map struct {
	places []place
}

// place is a Redirect with its links resolved.
type place struct {
	Redirect
	real string // Job without links, in the host's namespace
}

// New returns the map of these redirects, with the links in their paths as they are now.
func New(redirects ...Redirect) *Map {
	m := &Map{}
	for _, r := range redirects {
		r.Job, r.Host = path.Clean(r.Job), path.Clean(r.Host)
		real, err := filepath.EvalSymlinks(r.Job)
		if err != nil {
			real = r.Job
		}
		m.places = append(m.places, place{r, real})
	}
	return m
}

// Source is what became of a path.
type Source struct {
	// Host is the path for dockerd: the one that was asked for, byte for byte, if it needs no change.
	Host string
	// Below are the places that differ somewhere below the path.
	Below []Below
	// At is where the path leads, without links, as the job names it; "" for a relative one.
	At string
}

// Look is a view of the file system at one moment: what it has seen once it does not look up again.
// It is for one request, whose paths have most of their folders in common, and for one goroutine.
type Look struct {
	places []place
	links  links
}

// Look begins a view.
func (m *Map) Look() *Look { return &Look{m.places, links{}} }

// Source translates a bind's source. dockerd cleans the path by its letters (so "a/.." is nothing, whatever a is) and
// then follows links. Source does the same, but in the job's view: links within a redirected folder lead where they
// lead for the job. What does not exist is taken to be no link. A relative path is not a path of the host's and comes
// back as it is.
func (l *Look) Source(source string) Source {
	if !path.IsAbs(source) {
		return Source{Host: source}
	}
	w := walk{places: l.places, links: l.links}
	w.run(path.Clean(source))
	out := Source{Host: source, At: w.at}
	if w.entered != nil {
		out.Host = w.host(source)
	}
	for _, p := range l.places {
		if rel, ok := paths.Under(p.real, w.at); ok && rel != "" {
			out.Below = append(out.Below, Below{rel, p.Host})
		}
	}
	return out
}

// Source is [Look.Source] for a single path.
func (m *Map) Source(source string) Source { return m.Look().Source(source) }

// Job turns a path of the host's back into the job's, if it is at or below a redirected place. What follows the place's
// own path is kept byte for byte.
func (m *Map) Job(host string) (string, bool) {
	for _, p := range m.places {
		if rest, ok := strings.CutPrefix(host, p.Host); ok && (rest == "" || rest[0] == '/') {
			return p.Job + rest, true
		}
	}
	return host, false
}
