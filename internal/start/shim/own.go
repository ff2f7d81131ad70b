package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// own is a place of the caller's (WORKER_WRAP_PRIVATE), and the folder that is laid over it for this Worker.
type own struct {
	path  string   // of the place
	place *os.File // in the view that it was opened in
	dir   *os.File // the folder, with its path as its name
}

type owns []own

func (all owns) close() {
	for _, o := range all {
		closeAll(o.place, o.dir)
	}
}

// discard removes the folders of a start that came to nothing. What has a copy in it a later start sweeps.
func (all owns) discard() {
	for _, o := range all {
		_ = os.Remove(o.dir.Name())
	}
}

// redirects are the places for whoever translates paths.
func (all owns) redirects() (out []hostpath.Redirect) {
	for _, o := range all {
		out = append(out, hostpath.Redirect{Job: o.path, Host: o.dir.Name()})
	}
	return out
}

// makeOwn opens the places in the host's view, makes what is missing, and a folder of the store for each. A place that
// may not be covered is the user's mistake: no job is started with it.
func (s *start) makeOwn(p places) (all owns, err error) {
	if s.Worker == nil || len(s.Settings.Private) == 0 {
		return nil, nil
	}
	if s.Settings.Policy.Userns {
		return nil, notCovered("WORKER_WRAP_USERNS=1", "is set, and in a user namespace this is not done; take one of the two settings away")
	}
	store, err := openStore(p)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	defer func() {
		if err != nil {
			all.discard()
			all.close()
			all = nil
		}
	}()
	home := environ.Get(s.Env, "HOME")
	for _, chosen := range s.Settings.Owns() {
		o, err := s.openOwn(chosen.At(home))
		if err != nil {
			return all, err
		}
		for _, other := range all {
			if within(resolved(o.place), resolved(other.place)) || within(resolved(other.place), resolved(o.place)) {
				o.place.Close()
				return all, notCovered(o.path, "and "+other.path+" hold one another; name the outer one only")
			}
		}
		o.dir, err = store.Create(s.self, o.place)
		if err != nil {
			o.place.Close()
			return all, err
		}
		all = append(all, o)
		if chosen.Copy {
			if err := s.copyOwn(o); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// openOwn opens a place, and makes it if it is missing.
func (s *start) openOwn(path string) (own, error) {
	if !filepath.IsAbs(path) {
		return own{}, notCovered(path, "is no absolute path; HOME has to be one")
	}
	f, err := openPath(path)
	if errors.Is(err, fs.ErrNotExist) {
		if s.caller == 0 && !within(path, environ.Get(s.Env, "HOME")) { // others could lead root elsewhere on the way
			return own{}, notCovered(path, "is not there; make it first")
		}
		if err := os.MkdirAll(path, 0o700); err != nil {
			return own{}, notCovered(path, "is not there, and cannot be made: "+err.Error())
		}
		f, err = openPath(path)
	}
	if errors.Is(err, unix.ENOTDIR) {
		return own{}, notCovered(path, "is a file, and tools replace those by rename, which a mount on it makes fail; name its folder")
	}
	if err != nil {
		return own{}, err
	}
	if err := s.mayCover(path, f); err != nil {
		f.Close()
		return own{}, err
	}
	return own{path: path, place: f}, nil
}

// mayCover is the rule for a place: a folder that is the caller's own, and not shared or needed by others than the job.
func (s *start) mayCover(path string, f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case int(st.Uid) != int(s.caller):
		return notCovered(path, fmt.Sprintf("belongs to uid %d and you are uid %d", st.Uid, s.caller))
	case st.Mode&0o002 != 0:
		return notCovered(path, "is a folder that everybody may write to, and that processes of others use")
	}
	if err := s.caller.mustFill(f); err != nil {
		return notCovered(path, err.Error())
	}
	at := resolved(f)
	for _, needed := range []struct{ path, what string }{
		{environ.Get(s.Env, "HOME"), "HOME"},
		{filepath.Dir(s.Temp), "the work folder"},
		{s.Root(), "the runner"},
		{environ.Get(s.Env, "RUNNER_TOOL_CACHE"), "the tools of all jobs"},
		{environ.Get(s.Env, "AGENT_TOOLSDIRECTORY"), "the tools of all jobs"},
	} {
		if needed.path == "" {
			continue
		}
		real, err := filepath.EvalSymlinks(needed.path)
		if err != nil {
			real = needed.path
		}
		switch {
		case at == real:
			return notCovered(path, "is "+needed.what+", which the job needs as it is; name a folder in it")
		case within(real, at):
			return notCovered(path, "holds "+needed.what+", which the job needs as it is")
		case needed.what != "HOME" && within(at, real):
			return notCovered(path, "lies in "+needed.what+", which the runner and other jobs use")
		}
	}
	return nil
}

// within reports whether a path lies in a folder, or is it.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func notCovered(path, why string) *Failure {
	return fail(ExitFailed, "this job was not started: WORKER_WRAP_PRIVATE: %s %s", path, why)
}

// addOwn adds the binds over the places, opened anew in the job's view.
func (s *start) addOwn(b *binds, host hostPlaces, v view, all owns) error {
	if len(all) == 0 || v.covered {
		return nil
	}
	store, err := perpid.OpenIn(v.work)
	if err != nil {
		return err
	}
	defer store.Close()
	for _, o := range all {
		place, err := openPath(o.path)
		if err != nil {
			return err
		}
		b.files = append(b.files, place)
		dir, err := store.Folder(s.self, filepath.Base(o.dir.Name()))
		if err != nil {
			return err
		}
		b.files = append(b.files, dir)
		outside, err := host.above(o.path)
		if err != nil {
			return err
		}
		b.files = append(b.files, outside)
		for _, pair := range [][2]*os.File{{place, o.place}, {dir, o.dir}} {
			if same, err := sameFile(pair[0], pair[1]); err != nil {
				return err
			} else if !same {
				return &fs.PathError{Op: "open", Path: pair[0].Name(), Err: errExchanged}
			}
		}
		for _, err := range []error{s.mayCover(o.path, place), s.caller.mustOwn(dir)} {
			if err != nil {
				return err
			}
		}
		b.list = append(b.list, mounts.Mount{Source: dir, Target: place, Outside: outside})
		s.journal.debugf("%s lies over %s", o.dir.Name(), o.path)
	}
	return nil
}
