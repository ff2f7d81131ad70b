package shim

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
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

// innerLine is what stands in the child's command line.
type innerLine struct {
	line, parent int // see inner; line is the descriptor
	noted        origin.Inherited
	plan         Plan // without what the environment says
}

// parseInner takes the child's command line apart, which may be anybody's.
func parseInner(args []string) (in innerLine, err error) {
	if len(args) <= innerFields {
		return in, fmt.Errorf("%s is started by worker-wrap only", InnerName)
	}
	var numbers [4]uint64
	for i, as := range [...]struct{ base, bits int }{{10, 31}, {10, 31}, {16, 64}, {16, 64}} {
		if numbers[i], err = strconv.ParseUint(args[1+i], as.base, as.bits); err != nil {
			return in, fmt.Errorf("%s is started by worker-wrap only: %w", InnerName, err)
		}
	}
	// What a relative path leads to depends on a working folder, which may be one of another mount namespace.
	for _, path := range args[5:10] {
		if path != "" && !filepath.IsAbs(path) {
			return in, fmt.Errorf("%s is started by worker-wrap only: %q is not an absolute path", InnerName, path)
		}
	}
	return innerLine{
		line: int(numbers[0]), parent: int(numbers[1]),
		noted: origin.Inherited{Ignored: numbers[2], Blocked: numbers[3]},
		plan: Plan{
			Root: args[5], Temp: args[6], Store: args[7], Worker: args[8], Real: args[9], Command: args[10],
			Argv: args[innerFields:],
		},
	}, nil
}

// RunInner is what the child does. It has no privilege that its caller did not have: whoever starts it by
// hand with a command line of his own gets what [Run] would give him, as everything is checked again.
func RunInner(args, env []string) *Failure {
	in, err := parseInner(args)
	if err != nil {
		return &Failure{Code: ExitFailed, Err: err}
	}
	settings, err := ParseSettings(env)
	if err != nil {
		return failure(err)
	}
	settings.Policy.Wait, settings.Policy.Fallback, settings.Policy.Isolate = 0, policy.FallbackNone, 0 // the supervisor has seen to it
	in.plan.Env, in.plan.Settings = env, settings
	unix.CloseOnExec(in.line)
	line := os.NewFile(uintptr(in.line), "supervisor")
	origin.Adopt(in.noted)
	r := &run{
		Plan: in.plan,
		uid:  os.Getuid(), log: newLog(settings), inner: &inner{parent: in.parent, line: line},
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
		f = &Failure{Code: ExitFailed, Err: err}
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

// becoming is what the child says just before it becomes the program. If nothing follows when the line ends, it has; if
// the line ends without it, the child has died.
const becoming = 0

// tell reports a failure.
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
	if err == nil {
		err = send(in.line, []byte{becoming})
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
