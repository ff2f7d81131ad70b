package shim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// docker starts the Docker proxy, if there is a Docker socket that the caller can reach and may cover, and returns
// the bind that lays the proxy's socket over it.
//
// A socket that the caller may not cover stops no start, however many Workers there are: what the job's containers do
// not see is said. A proxy that cannot be started is a failed isolation, as the job's containers would then use the
// host's _temp, which another Worker may be in, and another try may help.
func (r *run) docker() (binds []mounts.Mount, done func(), err error) {
	done = func() {}
	if r.Settings.NoDocker {
		r.log.debugf("no Docker proxy: WORKER_WRAP_DOCKER=off")
		return nil, done, nil
	}
	path, why := dockersocket.Find(r.Env, r.uid)
	if path == "" {
		r.log.debugf("no Docker proxy: %s", why)
		return nil, done, nil
	}
	target, err := dockersocket.Open(path, r.uid)
	if refused := (*dockersocket.Refused)(nil); errors.As(err, &refused) {
		r.withoutProxy(refused)
		return nil, done, nil
	}
	if err != nil {
		return nil, done, err
	}
	// The proxy must see the host's mounts, and so the real socket, not what is made here.
	var outside *os.File
	dir := filepath.Dir(resolved(target)) // here, as in a chroot the other thread's root is not the one that target is below
	err = nsenter.Outside(func() (err error) {
		if outside, err = openPath(dir); err != nil {
			return err
		}
		return r.startProxy(path)
	})
	if err != nil {
		closeAll(outside, target)
		return nil, done, fmt.Errorf("%w; container steps need it: mend that, or set WORKER_WRAP_DOCKER=off where no job uses Docker", err)
	}
	source, err := untrusted.At(nil, r.proxy, unix.O_PATH|unix.O_NOFOLLOW)
	if err == nil {
		if err = r.mine(source); err != nil {
			source.Close()
		}
	}
	if err != nil {
		closeAll(outside, target)
		return nil, done, err
	}
	parent, err := openPath(dir)
	if err != nil {
		closeAll(outside, target, source)
		return nil, done, err
	}
	r.log.debugf("the Docker proxy's socket %s lies over %s", r.proxy, path)
	return []mounts.Mount{{Source: source, Target: target, Parent: parent, Outside: outside}}, func() {
		closeAll(source, target, parent, outside)
	}, nil
}

// startProxy starts the proxy for the real socket at path, once.
func (r *run) startProxy(path string) error {
	if r.proxy != "" {
		return nil
	}
	c := dockerproxy.Config{
		Real:    path,
		Socket:  r.host + ".docker.sock",
		Temp:    r.Temp,
		Private: r.host,
	}
	if r.Settings.Policy.Backing == policy.Tmpfs {
		c.Hidden = r.host
	}
	if r.Root != "" {
		c.Diag = filepath.Join(r.Root, "_diag")
	}
	if r.Settings.Debug && r.Root != "" {
		c.Log = filepath.Join(r.Root, "_diag", "worker-wrap-docker.log")
	}
	if err := dockerproxy.Start(c); err != nil {
		return err
	}
	r.proxy = c.Socket
	return nil
}

// withoutProxy says once that a start goes on without the Docker proxy, and why.
func (r *run) withoutProxy(why *dockersocket.Refused) {
	if r.bare {
		return
	}
	r.bare = true
	r.warn("containers will not see this job's _temp, but the host's: the Docker socket %v; %s", why, dockersocket.Mend)
	r.recordNoProxy(why)
}

// resolved returns the path of what f has open, in the caller's view, for finding the mount that it lies
// in; what is mounted over is f itself.
func resolved(f *os.File) string {
	path, err := os.Readlink(untrusted.Through(f))
	if err != nil {
		return f.Name()
	}
	return path
}
