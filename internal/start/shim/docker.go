package shim

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// dockerSocket is where clients look without DOCKER_HOST, by both of its usual names.
var dockerSocket = [...]string{"/var/run/docker.sock", "/run/docker.sock"}

// docker starts the Docker proxy, where there is a Docker socket that the caller can reach, and returns
// the bind that lays its socket over the real one.
func (r *run) docker() (binds []mounts.Mount, done func(), err error) {
	done = func() {}
	if r.Settings.NoDocker {
		r.log.debugf("no Docker proxy: WORKER_WRAP_DOCKER=off")
		return nil, done, nil
	}
	path, why := dockerproxy.Find(r.Env, r.uid)
	if path == "" {
		r.log.debugf("no Docker proxy: %s", why)
		return nil, done, nil
	}
	target, err := untrusted.At(nil, path, unix.O_PATH)
	if err != nil {
		return nil, done, err
	}
	if err := r.coverable(target, path); err != nil {
		target.Close()
		return nil, done, err
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
	// The proxy must see the host's mounts, and so the real socket, not what is made here.
	var outside *os.File
	err = nsenter.Outside(func() (err error) {
		if outside, err = openPath(filepath.Dir(resolved(target))); err != nil {
			return err
		}
		return dockerproxy.Start(c)
	})
	if err != nil {
		closeAll(outside, target)
		return nil, done, fmt.Errorf("%w; container steps need it: mend that, or set WORKER_WRAP_DOCKER=off where no job uses Docker", err)
	}
	source, err := untrusted.At(nil, c.Socket, unix.O_PATH|unix.O_NOFOLLOW)
	if err == nil {
		if err = r.mine(source); err != nil {
			source.Close()
		}
	}
	if err != nil {
		closeAll(outside, target)
		return nil, done, err
	}
	parent, err := openPath(filepath.Dir(resolved(target)))
	if err != nil {
		closeAll(outside, target, source)
		return nil, done, err
	}
	r.log.debugf("the Docker proxy's socket %s lies over %s", c.Socket, path)
	return []mounts.Mount{{Source: source, Target: target, Parent: parent, Outside: outside}}, func() {
		closeAll(source, target, parent, outside)
	}, nil
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

// coverable is the rule of mine for the Docker socket. A caller who is not root may have a socket laid
// over his own, or over the machine's Docker socket, where that lets him in: whoever can write to it is as
// good as root anyway. That is asked of what was opened: dockerproxy.Find has looked at a path, which may have
// led elsewhere. Any other socket, that of D-Bus say, is one that programs with more rights trust, and
// DOCKER_HOST may name it.
func (r *run) coverable(socket *os.File, path string) error {
	if r.uid == 0 || r.mine(socket) == nil {
		return nil
	}
	for _, p := range dockerSocket {
		var is, want unix.Stat_t
		if unix.Stat(p, &want) == nil && unix.Fstat(int(socket.Fd()), &is) == nil && sameFile(is, want) &&
			unix.Access(untrusted.Through(socket), unix.W_OK) == nil {
			return nil
		}
	}
	return fmt.Errorf("DOCKER_HOST names %s, which is neither yours nor a %s that lets you in, so container steps cannot be made to see this job's _temp; "+
		"let the socket belong to the runner's user, run as root, or set WORKER_WRAP_DOCKER=off where no job uses Docker", path, dockerSocket[0])
}
