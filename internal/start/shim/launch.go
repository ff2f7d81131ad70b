package shim

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/start/own"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// proxy is the Docker proxy that a start has launched; its zero value is none.
type proxy struct {
	real   string // path of the daemon's socket
	socket string // path of its own, which is to be laid over that
	*dockerproxy.Launched
}

// launch starts the processes beside the Worker. They are in the host's view, in which the proxy sees the real socket.
func (s *start) launch(host place.Host, f folder, covered own.All) (proxy, error) {
	if f.from != handed { // else the supervisor has
		s.keeper().SweepAll(host.Places)
	}
	if f.from == mounted {
		s.Journal.Debugf("the Docker proxy, if any, is there already")
		return proxy{}, nil
	}
	real := s.dockerSocket()
	if real == "" {
		return proxy{}, nil
	}
	target, err := dockersocket.Open(real, int(s.Caller))
	if refused := (*dockersocket.Refused)(nil); errors.As(err, &refused) {
		s.withoutProxy(f, refused)
		return proxy{}, nil
	}
	if err != nil {
		return proxy{}, err
	}
	target.Close()
	return s.startProxy(f, real, covered)
}

// dockerSocket returns the path of the socket that the program will use, "" if there is none or none is wanted.
func (s *start) dockerSocket() string {
	if s.Settings.NoDocker {
		s.Journal.Debugf("no Docker proxy: WORKER_WRAP_DOCKER=off")
		return ""
	}
	path, why := dockersocket.Find(s.Env, int(s.Caller))
	if path == "" {
		s.Journal.Debugf("no Docker proxy: %s", why)
	}
	return path
}

// startProxy starts the proxy for the real socket. If it cannot be started isolation has failed: the job's containers
// would then use the host's _temp, which another Worker may be in, and another try may help.
func (s *start) startProxy(f folder, real string, covered own.All) (proxy, error) {
	c := dockerproxy.Config{
		Real:    real,
		Socket:  f.path() + ".docker.sock",
		Temp:    s.Temp,
		Private: f.path(),
		Diag:    s.Diag(),
		Places:  covered.Redirects(),
	}
	if s.Settings.Policy.Backing == policy.Tmpfs {
		c.Hidden = f.path()
	}
	if s.Settings.Debug && c.Diag != "" {
		c.Log = filepath.Join(c.Diag, "worker-wrap-docker.log")
	}
	launched, err := dockerproxy.Start(c)
	if err != nil {
		return proxy{}, needed(err)
	}
	return proxy{real, c.Socket, launched}, nil
}

// running waits until the proxy runs, if there is one. It begins to while the folder is laid.
func (p proxy) running() error {
	if err := p.Wait(); err != nil {
		return needed(err)
	}
	return nil
}

func needed(err error) error {
	return fmt.Errorf("%w; container steps need it: mend that, or set WORKER_WRAP_DOCKER=off if no job uses Docker", err)
}

// withoutProxy says that a start goes on without the Docker proxy, and why: a socket that the caller may not cover stops
// no start, however many Workers there are.
func (s *start) withoutProxy(f folder, why *dockersocket.Refused) {
	s.Journal.Warn("containers will not see this %s's _temp, but the host's: the Docker socket %v; %s", s.Program(), why, dockersocket.Mend)
	s.Journal.NoProxy(f.path(), why)
}
