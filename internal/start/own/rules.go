package own

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// open opens a place, and makes it if it is missing.
func (s Start) open(path string) (one, error) {
	if !filepath.IsAbs(path) {
		return one{}, notCovered(path, "is not an absolute path; HOME has to be one")
	}
	f, err := place.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if s.Caller == 0 && !paths.In(path, environ.Get(s.Env, "HOME")) { // others could lead root elsewhere on the way
			return one{}, notCovered(path, "is not there; make it first")
		}
		if s.Worker == nil {
			return one{}, s.mayMake(path)
		}
		if err := os.MkdirAll(path, 0o700); err != nil {
			return one{}, notMade(path, err)
		}
		f, err = place.Open(path)
	}
	if errors.Is(err, unix.ENOTDIR) {
		return one{}, notCovered(path, "is a file, and tools replace those by rename, which a mount on it makes fail; name its folder")
	}
	if err != nil {
		return one{}, err
	}
	if err := s.mayCover(path, f); err != nil {
		f.Close()
		return one{}, err
	}
	return one{path: path, at: f}, nil
}

// mayCover is the rule for a place: a folder that is the caller's own, and not shared or needed by others than the job.
func (s Start) mayCover(path string, f *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case int(st.Uid) != int(s.Caller):
		return notCovered(path, fmt.Sprintf("belongs to uid %d and you are uid %d: sudo chown -R %[2]d %s", st.Uid, s.Caller, visible.Word(path)))
	case st.Mode&0o002 != 0:
		return notCovered(path, "is a folder that everybody may write to, and that processes of others use")
	}
	if err := s.Caller.MustFill(f); err != nil {
		return notCovered(path, err.Error())
	}
	return s.mayLie(path, place.Resolved(f))
}

// mayLie is the rule for where a place may be.
func (s Start) mayLie(path, at string) error {
	for _, needed := range []struct{ path, what string }{
		{environ.Get(s.Env, "HOME"), "HOME"},
		{filepath.Dir(s.Temp), "the work folder"},
		{cmp.Or(s.Root(), s.TrialOf), "the runner"},
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
		case paths.In(real, at):
			return notCovered(path, "holds "+needed.what+", which the job needs as it is")
		case needed.what != "HOME" && paths.In(at, real):
			return notCovered(path, "lies in "+needed.what+", which the runner and other jobs use")
		}
	}
	return nil
}

func notMade(path string, err error) *exits.Failure {
	return notCovered(path, "is not there, and cannot be made: "+err.Error())
}

func notCovered(path, why string) *exits.Failure {
	return exits.Fail(exits.Failed, "this job was not started: WORKER_WRAP_PRIVATE: %s %s", path, why)
}
