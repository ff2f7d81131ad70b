package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/perpid"
	"github.com/worker-wrap/worker-wrap/internal/runner"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// Run carries a plan out. It must be called on the main goroutine, and returns only if something
// failed: otherwise the process is the program by then. In a user namespace the program is a child, and
// Run returns how that ended.
func Run(p Plan) *Failure {
	r := &run{Plan: p, uid: os.Getuid(), log: newLog(p.Settings)}
	r.begin()
	f := r.follow()
	r.recordRefusal(f)
	return f
}

// run is one start under way. Its files are open in the new mount namespace and close on exec.
type run struct {
	Plan
	uid  int
	log  *log
	self perpid.Owner
	host string // the per-PID folder's path
	laid bool   // it is what _temp is already
	path string // what to exec, where a Worker's path is known already

	socket      []mounts.Mount // the bind of the Docker proxy's socket, once the proxy was started
	closeSocket func()         // nil until then

	course course // what policy decides on, and what came of it
	timing timing // for the event log
	inner  *inner // set in the child that a user namespace is made for
}

// A start looks again for what has vanished with pauses that double up to longestPause, for searchPatience in all:
// long enough for a busy machine, and a tenth of the time in which the Listener gives a Worker up.
const (
	longestPause   = 64 * time.Millisecond
	searchPatience = 3 * time.Second
)

// isolate makes the namespace and everything in it. From unshare on every path is looked up once, in the
// new namespace, and what was found is held open: what is checked is what is mounted.
func (r *run) isolate() error {
	if err := r.identify(); err != nil {
		return err
	}
	if err := nsenter.UnshareMounts(); err != nil {
		return explain(fmt.Errorf("cannot make a mount namespace: %w", err), "user.max_mnt_namespaces")
	}
	r.stage("namespace")
	var result mounts.Result
	var err error
	begun := time.Now()
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		// What was found can be gone before it is mounted: an install, uninstall or update replaces the entry
		// of bin just then, or removes the store. Then everything is looked up again; nothing of it was seen
		// outside. Not at once: rename(2) first takes every job's mount off the entry that it replaces, for
		// milliseconds in which that is still found, and can no longer be mounted on (vfs_rename in fs/namei.c).
		if result, err = r.lay(); !errors.Is(err, fs.ErrNotExist) || time.Since(begun) > searchPatience {
			break
		}
		r.log.debugf("trying once more: %v", err)
		time.Sleep(pause)
	}
	if r.closeSocket != nil {
		r.closeSocket()
	}
	if err != nil {
		return err
	}
	for _, m := range result.Slaves {
		r.log.debugf("the mount that %s lies in is a slave now: what the job mounts on it does not reach the host (needs Linux 5.15)", m)
	}
	r.log.debugf("%s lies over %s", r.host, r.Temp)
	r.stage("mounts")
	return nil
}

// identify finds out who this process is.
func (r *run) identify() (err error) {
	if r.self.PID == 0 {
		r.self, err = perpid.Self()
	}
	return err
}

// lay looks everything up and lays the binds.
func (r *run) lay() (mounts.Result, error) {
	temp, err := r.openTemp()
	if err != nil {
		return mounts.Result{}, err
	}
	defer temp.Close()
	fresh, err := r.fresh(r.self, temp)
	if err != nil {
		return mounts.Result{}, err
	}
	defer fresh.Close()
	r.stage("folder")
	var binds []mounts.Mount
	if !r.laid {
		binds = append(binds, r.backing(fresh, temp))
	}
	if r.Worker != "" {
		worker, err := r.openWorker()
		if err != nil {
			return mounts.Result{}, err
		}
		defer worker.close()
		binds = append(binds, worker.bind()...)
	}
	if r.closeSocket == nil {
		r.closeSocket = func() {}
		if r.laid {
			r.log.debugf("the Docker proxy, if any, is there already")
		} else if r.socket, r.closeSocket, err = r.docker(); err != nil {
			return mounts.Result{}, err
		}
	}
	r.stage("docker")
	result, err := mounts.Bind(0, append(binds, r.socket...)...)
	if err != nil {
		return result, explain(fmt.Errorf("cannot lay %s over %s: %w", r.host, r.Temp, err), "fs.mount-max")
	}
	return result, r.likenTmpfs(temp)
}

// openTemp opens _temp, and makes it and its parents first if they are missing.
func (r *run) openTemp() (*os.File, error) {
	temp, err := openPath(r.Temp)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(r.Temp, 0o755); err != nil {
			return nil, err
		}
		temp, err = openPath(r.Temp)
	}
	if err != nil {
		return nil, err
	}
	if err := r.mine(temp); err != nil {
		temp.Close()
		return nil, err
	}
	return temp, nil
}

// fresh makes the per-PID folder. self owns it: this process, or the child that it waits for.
func (r *run) fresh(self perpid.Owner, temp *os.File) (*os.File, error) {
	if r.inner != nil {
		return r.prepared()
	}
	like, err := temp.Stat()
	if err != nil {
		return nil, err
	}
	store, err := perpid.Make(r.Store, like)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	r.sweep(store, r.self)
	// An earlier try can have laid it, or this process before it became worker-wrap once more: an install can put
	// that in the Worker's place just before it is started.
	dir := store.InPlace(self, temp)
	if r.laid = dir != nil; !r.laid {
		if r.host != "" { // an earlier try has made it, and not come to lay it
			if err := store.Discard(r.host); err != nil {
				return nil, err
			}
		}
		if dir, err = store.Create(self, temp); err != nil {
			return nil, err
		}
	}
	if err := r.mine(dir); err != nil {
		dir.Close()
		return nil, err
	}
	r.host = dir.Name()
	return dir, nil
}

// mine is the rule for a caller who is not root and has the privilege from a file capability: only his
// own folders may be mounted, and mounted over, since he could have put anything in them anyway.
func (r *run) mine(f *os.File) error {
	if r.uid == 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if int(st.Uid) != r.uid {
		return fmt.Errorf("%s belongs to uid %d and you are uid %d; only its owner or root may have another folder mounted over it: chown it, or run as its owner",
			f.Name(), st.Uid, r.uid)
	}
	return nil
}

// start becomes the program.
func (r *run) start() *Failure {
	env := make([]string, 0, len(r.Env)+1)
	for _, e := range r.Env {
		if !strings.HasPrefix(e, perpid.HostTempVar+"=") { // from a shim around this one
			env = append(env, e)
		}
	}
	env = append(env, perpid.HostTempVar+"="+r.host)
	if r.path == "" {
		path, f := lookup(r.Command)
		if f != nil {
			return f
		}
		r.path = path
	}
	r.log.debugf("exec %s", r.path)
	r.recordStart()
	if err := r.inner.strip(); err != nil {
		return failure(err)
	}
	err := origin.Exec(r.path, r.Argv, env)
	if errors.Is(err, unix.ENOEXEC) && r.Worker == "" {
		// A script without #! is run by the shell, as execvp(3) does.
		argv := append([]string{"sh", r.path}, r.Argv[1:]...)
		err = origin.Exec("/bin/sh", argv, env)
	}
	code := ExitCannot
	if errors.Is(err, fs.ErrNotExist) {
		code = ExitNotFound
	}
	return fail(code, "cannot run %s: %w%s", r.path, err, execHint(r.path, err))
}

// worker is a runner's Worker about to be started.
type worker struct {
	bin, real, shim *os.File
	cover           bool
}

// openWorker opens the runner's own Worker and the shim that stands in its place.
func (r *run) openWorker() (*worker, error) {
	w := &worker{}
	var err error
	if w.bin, err = openPath(filepath.Dir(r.Worker)); err != nil {
		return nil, err
	}
	if w.real, err = openAt(w.bin, runner.RealWorkerName, unix.O_PATH); err != nil {
		if errors.Is(err, fs.ErrNotExist) && r.takenOut(w.bin) {
			r.path = r.Worker
			r.log.debugf("the runner's own Worker is back at %s", r.Worker)
			return w, nil
		}
		w.close()
		return nil, noRealWorker(r.Real, err)
	}
	var real, self unix.Stat_t
	if err := unix.Fstat(int(w.real.Fd()), &real); err != nil {
		w.close()
		return nil, &fs.PathError{Op: "stat", Path: r.Real, Err: err}
	}
	if unix.Stat("/proc/self/exe", &self) == nil && sameFile(self, real) {
		w.close()
		return nil, fmt.Errorf("%s is worker-wrap itself, which would start itself for ever; put the runner's own Worker there (worker-wrap doctor says how)", r.Real)
	}
	if real.Mode&unix.S_IFMT != unix.S_IFREG {
		w.close()
		return nil, fail(ExitCannot, "%s is not a file; put the runner's own Worker there (worker-wrap doctor says how)", r.Real)
	}
	if w.shim, err = openAt(w.bin, filepath.Base(r.Worker), unix.O_PATH|unix.O_NOFOLLOW); err != nil {
		w.close()
		return nil, err
	}
	// The rule of mine, for a file: in a folder of his own the caller could have put any file of his own. One
	// of another's that he has only a link to would become a file there, which he could not have arranged.
	if w.cover = r.mine(w.bin) == nil && (r.mine(w.real) == nil || w.inBin(real)); w.cover {
		r.path = r.Worker
	} else {
		r.path = r.Real
		r.log.debugf("%s or what %s leads to is not yours, so the Worker keeps the name %s", w.bin.Name(), r.Real, runner.RealWorkerName)
	}
	return w, nil
}

func sameFile(a, b unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// takenOut reports whether an uninstall has put the runner's own Worker back since this process was started.
func (r *run) takenOut(bin *os.File) bool {
	var st, self unix.Stat_t
	return unix.Fstatat(int(bin.Fd()), filepath.Base(r.Worker), &st, 0) == nil && unix.Stat("/proc/self/exe", &self) == nil &&
		st.Mode&unix.S_IFMT == unix.S_IFREG && !sameFile(st, self)
}

// inBin reports whether the real Worker is in bin itself, and not where a link leads.
func (w *worker) inBin(real unix.Stat_t) bool {
	var st unix.Stat_t
	err := unix.Fstatat(int(w.bin.Fd()), runner.RealWorkerName, &st, unix.AT_SYMLINK_NOFOLLOW)
	return err == nil && sameFile(st, real)
}

// bind lays the real Worker over the shim, so that /proc/PID/exe and the name of the process are what
// they are without the shim. A symbolic link to the shim is covered itself.
func (w *worker) bind() []mounts.Mount {
	if !w.cover {
		return nil
	}
	return []mounts.Mount{{Source: w.real, Target: w.shim, Parent: w.bin}}
}

func (w *worker) close() {
	for _, f := range []*os.File{w.bin, w.real, w.shim} {
		if f != nil {
			f.Close()
		}
	}
}
