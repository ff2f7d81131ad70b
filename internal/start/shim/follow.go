package shim

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// course is how a start has gone so far.
type course struct {
	facts   policy.Facts
	step    policy.Step // the last one
	failed  error       // why isolation failed
	claimed error       // why the real _temp could not be claimed
	unkept  error       // why nothing keeps its locks
	alive   []int       // PIDs of the other Workers that were found
}

// follow takes the steps that policy names.
func (r *run) follow() *Failure {
	if err := r.plainIDs(); err != nil {
		return failure(err)
	}
	if _, warning := r.patience(); warning != "" {
		r.warn("%s", warning)
	}
	if r.Settings.Unknown != "" && r.inner == nil {
		r.warn("%.80q %s", r.Settings.Unknown, UnknownSetting)
	}
	for {
		r.course.step = policy.Next(r.Settings.Policy, r.course.facts)
		switch r.course.step {
		case policy.Look:
			r.look()
		case policy.Wait:
			r.wait()
		case policy.Claim:
			r.claim()
		case policy.Isolate:
			f, err := r.isolated()
			if err == nil || errors.As(err, &f) {
				return f
			}
			r.course.failed, r.course.facts.Failed = err, true
		case policy.Plain:
			return r.plain()
		case policy.Unisolated:
			return r.unisolated()
		default:
			return r.refused()
		}
	}
}

// plainIDs refuses a process whose effective ids are not its real ones.
func (r *run) plainIDs() error {
	if os.Geteuid() == r.uid && os.Getegid() == os.Getgid() {
		return nil
	}
	return errors.New("worker-wrap is installed set-user-ID or set-group-ID, which the program it starts would inherit; " +
		"take the bit away and use a file capability: " + setcapCommand())
}

// isolated becomes the program in a _temp of its own. err is why it could not be isolated; what fails
// after that is f.
func (r *run) isolated() (f *Failure, err error) {
	if r.Settings.Policy.Userns && r.inner == nil {
		return r.supervise()
	}
	if err := r.isolate(); err != nil {
		return nil, err
	}
	return r.start(), nil
}

// refused says why no Worker is started.
func (r *run) refused() *Failure {
	err := r.course.failed
	if said := (errSaid{}); errors.As(err, &said) {
		return &Failure{Code: ExitFailed}
	}
	if r.course.claimed != nil && r.Settings.Policy.Fallback == policy.FallbackWait {
		err = fmt.Errorf("%w; and it cannot run without: %w", err, r.course.claimed)
	}
	return failure(err)
}

// plain becomes the program in the real _temp, in the namespace that the process came in.
func (r *run) plain() *Failure {
	if f := r.settle(); f != nil {
		return f
	}
	return r.start()
}

// settle makes the real _temp the program's.
func (r *run) settle() *Failure {
	r.host = r.Temp
	if r.Worker == "" {
		return nil
	}
	w, err := r.openWorker()
	if f := (*Failure)(nil); err != nil && errors.As(err, &f) {
		return f
	}
	if err != nil {
		return fail(ExitFailed, "this job was not started: %w", err)
	}
	if w.real != nil { // else it has been put back
		r.path = r.Real
	}
	w.close()
	return nil
}

// unisolated is plain after isolation was tried, and says so. The thread that tried it may be in a
// namespace with half of the mounts, so another becomes the program.
//
// A Worker that is alone loses nothing by that. So nothing is said on stderr, which the Listener shows as the cause if
// the Worker then crashes.
func (r *run) unisolated() (f *Failure) {
	if r.host != "" && r.host != r.Temp {
		_ = os.Remove(r.host) // it was to be _temp; where it cannot be removed the next start does it
	}
	// The order to be killed with the parent is the thread's own (prctl(2)).
	var order int32
	_ = unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&order)), 0, 0, 0)
	_ = nsenter.Outside(func() error {
		runtime.LockOSThread()
		if order > 0 {
			_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(order), 0, 0, 0)
		}
		// Not before it is sure: the kernel may refuse such a thread, and the Worker can be missing.
		if f = r.settle(); f != nil {
			return nil
		}
		if r.Settings.Policy.Fallback == policy.FallbackRun {
			r.join()
			r.warn("this job runs WITHOUT a _temp of its own (WORKER_WRAP_FALLBACK=run), because that could not be made: %v", r.course.failed)
		} else {
			r.log.debugf("alone, and so without a _temp of its own, which could not be made: %v", r.course.failed)
		}
		r.recordFallback()
		f = r.start()
		return nil
	})
	return f
}

// warn writes one line to stderr, which the Listener keeps.
func (r *run) warn(format string, args ...any) {
	origin.Quiet() // nobody may be reading
	fmt.Fprintln(os.Stderr, "worker-wrap:", visible.Line(fmt.Sprintf(format, args...)))
}
