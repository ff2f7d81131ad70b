package shim

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/perpid"
	"github.com/worker-wrap/worker-wrap/internal/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// InnerName is argv[0] of the process in the user namespace, as long as it is worker-wrap: the child that
// a supervisor starts to isolate itself there and become the program.
const InnerName = "worker-wrap-inner"

// inner is what the child needs to know besides the plan.
type inner struct {
	parent int      // the supervisor's PID
	line   *os.File // to the supervisor: it says which folder it has made, the child what went wrong
	folder string   // that folder's name
}

// innerArgs is the child's command line, which is as long as innerFields and the program's arguments.
func (r *run) innerArgs(line *os.File, noted origin.Inherited) []string {
	args := []string{
		InnerName, strconv.Itoa(int(line.Fd())), strconv.Itoa(os.Getpid()),
		strconv.FormatUint(noted.Ignored, 16), strconv.FormatUint(noted.Blocked, 16),
		r.Root, r.Temp, r.Store, r.Worker, r.Real, r.Command,
	}
	return append(args, r.Argv...)
}

const innerFields = 11

// RunInner is what the child does. It has no privilege that its caller did not have: whoever starts it by
// hand with a command line of his own gets what [Run] would give him, as everything is checked again.
func RunInner(args, env []string) *Failure {
	if len(args) <= innerFields {
		return fail(ExitFailed, "%s is started by worker-wrap only", InnerName)
	}
	var numbers [4]uint64
	for i, base := range [...]int{10, 10, 16, 16} {
		n, err := strconv.ParseUint(args[1+i], base, 64)
		if err != nil {
			return fail(ExitFailed, "%s is started by worker-wrap only: %w", InnerName, err)
		}
		numbers[i] = n
	}
	// What a relative path leads to depends on a working folder, which may be one of another mount namespace.
	for _, path := range args[5:10] {
		if path != "" && !filepath.IsAbs(path) {
			return fail(ExitFailed, "%s is started by worker-wrap only: %q is not an absolute path", InnerName, path)
		}
	}
	settings, err := ParseSettings(env)
	if err != nil {
		return failure(err)
	}
	settings.Policy.Wait, settings.Policy.Fallback, settings.Policy.Isolate = 0, 0, 0 // the supervisor has seen to it
	unix.CloseOnExec(int(numbers[0]))
	line := os.NewFile(uintptr(numbers[0]), "supervisor")
	origin.Adopt(origin.Inherited{Ignored: numbers[2], Blocked: numbers[3]})
	r := &run{
		Plan: Plan{
			Root: args[5], Temp: args[6], Store: args[7], Worker: args[8], Real: args[9], Command: args[10],
			Argv: args[innerFields:], Env: env, Settings: settings,
		},
		uid: os.Getuid(), log: newLog(settings), inner: &inner{parent: int(numbers[1]), line: line},
	}
	r.begin()
	if err := r.inner.proceed(); err != nil {
		return &Failure{Code: ExitFailed} // the supervisor is gone, or knows better
	}
	r.course.step = policy.Isolate
	err = r.plainIDs()
	var f *Failure
	if err == nil {
		f, err = r.isolated()
	}
	if err != nil && !errors.As(err, &f) {
		f = &Failure{ExitFailed, err}
	}
	r.inner.tell(f)
	return &Failure{Code: f.Code}
}

// proceed waits until the supervisor has made the folder, and says which.
func (in *inner) proceed() error {
	line, err := bufio.NewReader(in.line).ReadString('\n')
	in.folder = strings.TrimSuffix(line, "\n")
	return err
}

// tell reports a failure. Where nothing was told when the line ends, the child has become the program.
func (in *inner) tell(f *Failure) {
	_ = send(in.line, append([]byte{byte(f.Code)}, f.Error()...))
}

// strip is the last thing before the child becomes the program.
func (in *inner) strip() error {
	if in == nil {
		return nil
	}
	attached, err := nsenter.LeaveNothing(in.parent)
	if err == nil && !attached {
		err = errors.New("the supervisor has ended")
	}
	return err
}

// prepared opens the folder that the supervisor has made, outside the user namespace, where the owners
// and access lists of other users can be given.
func (r *run) prepared(work *os.File) (*os.File, error) {
	store, err := perpid.OpenIn(work)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	dir, err := store.Folder(r.self, r.inner.folder)
	if err != nil {
		return nil, err
	}
	if err := r.mine(dir); err != nil {
		dir.Close()
		return nil, err
	}
	r.host = dir.Name()
	return dir, nil
}
