package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
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
	uid     int
	log     *log
	self    perpid.Owner
	host    string // the per-PID folder's path
	laid    bool   // it is what _temp is already
	path    string // what to exec, where a Worker's path is known already
	guarded bool   // it has a keeper that lays its folder again

	outside *os.File // see openOutside; opened when it is nil

	looked bool   // for a Docker socket
	proxy  string // the Docker proxy's socket, once the proxy was started
	bare   bool   // it was said that there is none

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
	_ = r.openOutside() // it may have to be made; lay tries again, and says what is wrong
	if call := nsenter.Deadly(); call != "" {
		return deadly(call)
	}
	if err := nsenter.UnshareMounts(); err != nil {
		if r.again() {
			return startsItself(r.Real)
		}
		return explain(fmt.Errorf("cannot make a mount namespace: %w", err), "unshare", "user.max_mnt_namespaces")
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
	if err != nil {
		return err
	}
	for _, m := range result.Slaves {
		r.log.debugf("the mount that %s lies in is a slave now: what the job mounts on it does not reach the host (that needs Linux 5.15, and a security module that allows moves of mounts)", m)
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
	p, err := r.openPlaces()
	if err != nil {
		return mounts.Result{}, err
	}
	defer p.close()
	if r.outside == nil {
		if err := nsenter.Outside(r.openOutside); err != nil {
			return mounts.Result{}, err
		}
	}
	defer func() { // the next try may find another
		r.outside.Close()
		r.outside = nil
	}()
	follow, err := r.within(p.temp)
	if err != nil {
		return mounts.Result{}, err
	}
	fresh, err := r.fresh(r.self, p)
	if err != nil {
		return mounts.Result{}, err
	}
	defer fresh.Close()
	r.stage("folder")
	var binds []mounts.Mount
	if !r.laid {
		bind, err := r.backing(fresh, p.temp)
		if err != nil {
			return mounts.Result{}, err
		}
		bind.Outside = r.outside
		binds = append(binds, bind)
	}
	if r.Worker != "" {
		worker, err := r.openWorker()
		if err != nil {
			return mounts.Result{}, err
		}
		defer worker.close()
		binds = append(binds, worker.bind()...)
	}
	if r.laid && !r.looked { // else an earlier try of this start has laid it, and may not have come to the socket
		r.log.debugf("the Docker proxy, if any, is there already")
	} else {
		r.looked = true
		socket, done, err := r.docker()
		if err != nil {
			return mounts.Result{}, err
		}
		defer done()
		binds = append(binds, socket...)
	}
	r.stage("docker")
	var result mounts.Result
	err = nsenter.WithSysAdmin(func() (err error) {
		result, err = mounts.Bind(0, binds...)
		return err
	})
	if err != nil {
		return result, explain(fmt.Errorf("cannot lay %s over %s: %w", r.host, r.Temp, err), "mount", "fs.mount-max")
	}
	if r.Worker != "" && r.Settings.Policy.Isolate == policy.Alone && r.Settings.Policy.Backing == policy.Dir {
		r.guard(p.work, fresh)
	}
	if follow {
		err = os.Chdir(r.Temp)
	}
	return result, err
}

// fresh makes the per-PID folder. self owns it: this process, or the child that it waits for.
func (r *run) fresh(self perpid.Owner, p places) (*os.File, error) {
	if r.inner != nil {
		return r.prepared(p.work)
	}
	like, err := p.temp.Stat()
	if err != nil {
		return nil, err
	}
	store, err := perpid.Make(p.work, like)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	r.sweep(store, r.self)
	// An earlier try can have laid it, or this process before it became worker-wrap once more: an install can put
	// that in the Worker's place just before it is started.
	dir := store.InPlace(self, p.temp)
	if r.laid = dir != nil; !r.laid {
		if r.host != "" { // an earlier try has made it, and not come to lay it
			if err := store.Discard(r.host); err != nil {
				return nil, err
			}
		}
		if dir, err = store.Create(self, p.temp); err != nil {
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

// start becomes the program.
func (r *run) start() *Failure {
	env := make([]string, 0, len(r.Env)+1)
	for _, e := range r.Env {
		if !strings.HasPrefix(e, perpid.HostTempVar+"=") { // from a shim around this one
			env = append(env, e)
		}
	}
	if !r.leftAlone() {
		env = append(env, perpid.HostTempVar+"="+r.host)
	}
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
