package rewrite

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
)

// Job says whose paths are changed.
type Job struct {
	Temp   hostpath.Redirect   // its _temp, and the folder that lies over it
	Socket hostpath.Redirect   // the Docker socket, and the proxy's
	Places []hostpath.Redirect // other folders that the job sees as its own
	// Runner are the folders of its runner. What holds _temp within them is the runner's.
	Runner []string
	// Hidden says that the folder which lies over _temp is in memory and nowhere on the host.
	Hidden bool
	// Ask returns the daemon's answer to a GET of this path, or nil if there is none, or an error. It may be nil.
	Ask func(target string) []byte
	// Own reports whether the container with this ID is the one that the runner is in. It may be nil.
	Own func(id string) bool
	// Note is told of every change. It may be nil.
	Note func(format string, args ...any)
}

// Translator changes paths for one job, and remembers how the job wrote them. It may be used by many
// goroutines.
type Translator struct {
	Job
	// paths is for what ends with the job, and lasting for what can outlive it: the proxy's socket does not.
	paths, lasting *hostpath.Map

	mu sync.Mutex
	// wrote gives the original spelling of a changed path, kept only if reversing the prefix would not restore it.
	wrote memory[string]
	// containers knows by id what was changed in a container or service.
	containers memory[*container]
	// volumes knows by name the devices of volumes that are bind mounts, as the daemon has them; "" for any other.
	volumes memory[string]
}

// container is put back when a container or service is shown, if it does not follow from the places that differ.
type container struct {
	changed bool
	binds   map[string]string // an entry of HostConfig.Binds, and what the job wrote
	sources map[string]string // by the place in the container: the source that the job wrote
	mounts  map[string]string // by the place in the container: the JSON of a volume's mount that became a bind
	added   []string          // places in the container of mounts that the job did not ask for
}

// keep puts into a map what is a part of a body, which it would keep.
func keep(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[strings.Clone(key)] = strings.Clone(value)
}

// keepSource notes what the job wrote for the source of the mount at target, which is host now.
func (t *Translator) keepSource(c *container, target, written, host string) {
	back, _ := t.paths.Job(host)
	if back != written {
		keep(&c.sources, path.Clean(target), written)
	}
	c.changed = c.changed || host != written || back != written
}

// New returns a Translator for a job.
func New(job Job) *Translator {
	if job.Note == nil {
		job.Note = func(string, ...any) {}
	}
	if job.Ask == nil {
		job.Ask = func(string) []byte { return nil }
	}
	if job.Own == nil {
		job.Own = func(string) bool { return false }
	}
	job.Runner = slices.Clone(job.Runner)
	for i, dir := range job.Runner {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			job.Runner[i] = real
		}
	}
	lasting := append([]hostpath.Redirect{job.Temp}, job.Places...)
	return &Translator{Job: job, paths: hostpath.New(append(lasting, job.Socket)...), lasting: hostpath.New(lasting...)}
}

// edits begins the changes to the body of a request.
func (t *Translator) edits(body []byte, lasts bool) *edits {
	if lasts {
		return &edits{body: body, look: t.lasting.Look(), lasts: true}
	}
	return &edits{body: body, look: t.paths.Look()}
}

// source translates one path, and remembers it if Job would not bring it back.
func (t *Translator) source(e *edits, written string) hostpath.Source {
	s := e.look.Source(written)
	if e.lasts && !t.ofRunner(s.At) {
		s.Below = nil
	}
	if s.Host == written {
		return s
	}
	t.Note("%s: %s on the host", written, s.Host)
	if back, _ := t.paths.Job(s.Host); back != written {
		t.mu.Lock()
		t.wrote.put(s.Host, strings.Clone(written))
		t.mu.Unlock()
	}
	return s
}

// ofRunner reports whether a place is one of the runner's folders or in it.
func (t *Translator) ofRunner(place string) bool {
	return slices.ContainsFunc(t.Runner, func(dir string) bool { return paths.In(place, dir) })
}

// taken are the places in a container that the client mounts something on.
type taken []string

// free reports whether a mount may be added at place, which lies below the mount at parent: nothing
// else is mounted there or between them.
func (t taken) free(place, parent string) bool {
	return !slices.ContainsFunc(t, func(other string) bool {
		return other == place || len(other) > len(parent) && paths.In(place, other)
	})
}

// spec is a mount of a container as far as an added mount depends on it.
type spec struct {
	target string // place in the container
	flags  string // propagation and other options, comma separated
}

// shared reports whether a mount made below this one would reach the host. There it would cover the place that it is
// meant to replace.
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
			t.Note("%s: %s is in memory only; nothing is added at %s", target, b.Host, place)
		case s.shared():
			t.Note("%s: a mount below a shared one would reach the host; nothing is added at %s", target, place)
		case other.free(place, target):
			t.Note("%s: adding %s at %s", target, b.Host, place)
			f(place, b.Host)
		}
	}
}

// colonError is what a client is told whose bind cannot be written in the form that it chose.
func colonError(bind, host string) error {
	return fmt.Errorf("worker-wrap: the bind %q means %s on the host, which the short form cannot say, as it has a colon in it; use --mount type=bind, or in Compose the long form with bind: {create_host_path: false}", bind, host)
}
