package shim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/blame"
	"github.com/worker-wrap/worker-wrap/internal/start/own"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// binds are the mounts to lay, and the files that they hold open.
type binds struct {
	list  []mounts.Mount
	files []*os.File
}

// cover lays the binds in the job's view: the folder over _temp, the real Worker over the entry, the proxy's socket over
// the daemon's. It returns the program that is to run there.
func (s *start) cover(host place.Host, v view, covered own.All, beside proxy) (program, error) {
	var b binds
	defer func() { place.CloseAll(b.files...) }()
	if err := s.addTemp(&b, host, v); err != nil {
		return program{}, err
	}
	if err := s.addOwn(&b, host, v, covered); err != nil {
		return program{}, err
	}
	b.list = append(b.list, v.worker.Bind()...)
	if beside.socket != "" {
		if err := s.addSocket(&b, host, v.folder, beside); err != nil {
			return program{}, err
		}
	}
	var result mounts.Result
	err := nsenter.WithSysAdmin(func() (err error) {
		result, err = mounts.Bind(0, b.list...)
		return err
	})
	if err != nil {
		return program{}, blame.Mounts(fmt.Errorf("cannot lay %s over %s: %w", v.folder.path(), s.Temp, err), "mount", "fs.mount-max")
	}
	for _, m := range result.Slaves {
		s.Journal.Debugf("the mount that %s lies in is a slave now: what the job mounts on it does not reach the host (that needs Linux 5.15, and a security module that allows moves of mounts)", m)
	}
	s.Journal.Debugf("%s lies over %s", v.folder.path(), s.Temp)
	if err := beside.running(); err != nil {
		return program{}, err
	}
	if s.Worker != nil && !(v.folder.from == handed && s.asksKeeper()) { // else the supervisor leaves a keeper
		s.keeper().Guard(v.Work, v.folder.dir, v.folder.below)
	}
	if host.Inside {
		err = os.Chdir(s.Temp)
	}
	return program{path: v.worker.Path, kept: v.worker.Kept(), temp: v.folder.path(), outcome: events.Private}, err
}

// addOwn adds the binds over the places of WORKER_WRAP_PRIVATE, unless an earlier start of this process has laid them.
func (s *start) addOwn(b *binds, host place.Host, v view, covered own.All) error {
	if v.covered {
		return nil
	}
	list, files, err := s.own().Binds(host, v.Home, covered)
	b.list, b.files = append(b.list, list...), append(b.files, files...)
	return err
}

// addTemp adds the bind over _temp, unless an earlier try of this start has laid it, or an earlier start of this process.
func (s *start) addTemp(b *binds, host place.Host, v view) error {
	if v.covered {
		return nil
	}
	bind, err := v.folder.backing(v.Temp, s.Settings.Policy)
	if err != nil {
		return err
	}
	if bind.Outside, err = host.Above(s.Temp); err != nil {
		return err
	}
	b.list, b.files = append(b.list, bind), append(b.files, bind.Outside)
	return nil
}

// addSocket adds the bind that lays the proxy's socket over the daemon's.
func (s *start) addSocket(b *binds, host place.Host, f folder, beside proxy) error {
	target, err := dockersocket.Open(beside.real, int(s.Caller))
	if refused := (*dockersocket.Refused)(nil); errors.As(err, &refused) { // it was exchanged since the proxy was started
		s.withoutProxy(f, refused)
		return nil
	}
	if err != nil {
		return err
	}
	b.files = append(b.files, target)
	source, err := untrusted.At(nil, beside.socket, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	b.files = append(b.files, source)
	if err := s.Caller.MustOwn(source); err != nil {
		return err
	}
	dir := filepath.Dir(place.Resolved(target))
	parent, err := place.Open(dir)
	if err != nil {
		return err
	}
	b.files = append(b.files, parent)
	outside, err := host.Open(dir)
	if err != nil {
		return err
	}
	b.files = append(b.files, outside)
	b.list = append(b.list, mounts.Mount{Source: source, Target: target, Parent: parent, Outside: outside})
	s.Journal.Debugf("the Docker proxy's socket %s lies over %s", beside.socket, beside.real)
	return nil
}
