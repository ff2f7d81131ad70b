package rewrite

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
)

// Translator changes paths for one job, and remembers how the job wrote them. It may be used by many
// goroutines.
type Translator struct {
	paths *hostpath.Map
	note  func(format string, args ...any)
	// hidden is a redirect's place that is not on the host; "" for none.
	hidden string

	mu      sync.Mutex
	changed bool // something was, so far
	// wrote gives the job's spelling of a changed path, where that is not just the place that differs
	// put in front of the rest.
	wrote memory[string]
	// containers knows by id what was changed in a container or service.
	containers memory[*container]
	// volumes knows by name the volumes whose device has a place that differs below it.
	volumes memory[string]
}

// container is what is to be put back when a container or service is shown.
type container struct {
	binds   map[string]string // an entry of HostConfig.Binds, and what the job wrote
	sources map[string]string // by the place in the container: the source that the job wrote
	added   []string          // places in the container of mounts that the job did not ask for
}

func newContainer() *container {
	return &container{binds: map[string]string{}, sources: map[string]string{}}
}

// New returns a Translator for the places in m. note, which may be nil, is told of every change.
func New(m *hostpath.Map, note func(format string, args ...any)) *Translator {
	if note == nil {
		note = func(string, ...any) {}
	}
	return &Translator{paths: m, note: note}
}

// edits begins the changes to a request's body.
func (t *Translator) edits(body []byte) *edits { return &edits{body: body, look: t.paths.Look()} }

// source translates one path, and remembers it if Job would not bring it back.
func (t *Translator) source(e *edits, written string) hostpath.Source {
	s := e.look.Source(written)
	if s.Host == written {
		return s
	}
	t.note("%s: %s on the host", written, s.Host)
	if back, _ := t.paths.Job(s.Host); back != written {
		t.mu.Lock()
		t.wrote.put(s.Host, written)
		t.mu.Unlock()
	}
	return s
}

// shown is the reverse of source.
func (t *Translator) shown(host string) string {
	t.mu.Lock()
	written, ok := t.wrote.get(host)
	t.mu.Unlock()
	if ok {
		return written
	}
	job, _ := t.paths.Job(host)
	return job
}

// Changed reports whether anything was changed so far that an answer would have to change back.
func (t *Translator) Changed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.changed
}

// taken are the places in a container that the client mounts something on.
type taken []string

// free reports whether a mount may be added at place, which lies below the mount at parent: nothing
// else is mounted there or between them.
func (t taken) free(place, parent string) bool {
	return !slices.ContainsFunc(t, func(other string) bool {
		return other == place || len(other) > len(parent) && strings.HasPrefix(place, other+"/")
	})
}

// spec is a mount of a container as far as an added mount depends on it.
type spec struct {
	target string // place in the container
	flags  string // propagation and other options, comma separated
}

// shared reports whether a mount made below this one would reach the host, where it would cover the
// place that it is meant to stand in for.
func (s spec) shared() bool {
	return slices.ContainsFunc(strings.Split(s.flags, ","), func(flag string) bool {
		return flag == "shared" || flag == "rshared"
	})
}

// add calls f for each mount that is needed below s.
func (t *Translator) add(s spec, below []hostpath.Below, other taken, f func(place, host string)) {
	if !path.IsAbs(s.target) {
		return // the daemon refuses such a mount
	}
	target := path.Clean(s.target)
	for _, b := range below {
		place := path.Join(target, b.Rel)
		switch {
		case t.hides(b.Host):
			t.note("%s: %s is in memory only; nothing is added at %s", target, b.Host, place)
		case s.shared():
			t.note("%s: a mount below a shared one would reach the host; nothing is added at %s", target, place)
		case other.free(place, target):
			t.note("%s: adding %s at %s", target, b.Host, place)
			f(place, b.Host)
		}
	}
}

// colonError is what a client is told whose bind cannot be written in the form that it chose.
func colonError(bind, host string) error {
	return fmt.Errorf("worker-wrap: the bind %q means %s on the host, which the short form cannot say, as it has a colon in it; use --mount type=bind", bind, host)
}
