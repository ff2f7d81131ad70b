package shim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/front"
	"github.com/worker-wrap/worker-wrap/internal/start/own"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// InnerName is argv[0] of the process in the user namespace, as long as it is worker-wrap: the child that
// a supervisor starts to isolate itself there and become the program.
const InnerName = "worker-wrap-inner"

// innerArgs is the child's command line, which is as long as innerFields and the program's arguments.
func (s *start) innerArgs(line *os.File, noted origin.Inherited, home string) []string {
	entry, real := "", ""
	if s.Worker != nil {
		entry, real = s.Worker.Entry, s.Worker.Real
	}
	return append([]string{
		InnerName, strconv.Itoa(int(line.Fd())), strconv.Itoa(os.Getpid()),
		strconv.FormatUint(noted.Ignored, 16), strconv.FormatUint(noted.Blocked, 16),
		s.Temp, home, s.Root(), entry, real,
	}, s.Argv...)
}

const innerFields = 10

// innerLine is what stands in the child's command line.
type innerLine struct {
	line, parent int // the descriptor of the line to the supervisor, and that one's PID
	noted        origin.Inherited
	plan         plan.Plan // without what the environment says
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
	for _, path := range args[5:innerFields] {
		if path != "" && !filepath.IsAbs(path) {
			return in, fmt.Errorf("%s is started by worker-wrap only: %q is not an absolute path", InnerName, path)
		}
	}
	root, entry, real := args[7], args[8], args[9]
	if (entry == "") != (real == "") || entry != "" && root == "" {
		return in, fmt.Errorf("%s is started by worker-wrap only: no runner has %q and %q", InnerName, entry, real)
	}
	in = innerLine{
		line: int(numbers[0]), parent: int(numbers[1]),
		noted: origin.Inherited{Ignored: numbers[2], Blocked: numbers[3]},
		plan:  plan.Plan{Temp: args[5], Home: args[6], Argv: args[innerFields:]},
	}
	if root != "" {
		in.plan.Runner = &plan.Runner{Root: root}
	}
	if entry != "" {
		in.plan.Worker = &plan.Worker{Entry: entry, Real: real}
	}
	return in, nil
}

// RunInner is what the child does. It has no privilege that its caller did not have: whoever starts it by hand with a
// command line of their own gets what [Run] would give them: everything is checked again.
func RunInner(args, env []string) *exits.Failure {
	in, err := parseInner(args)
	if err != nil {
		return &exits.Failure{Code: exits.Failed, Err: err}
	}
	unix.CloseOnExec(in.line)
	line := os.NewFile(uintptr(in.line), "supervisor")
	origin.Adopt(in.noted)
	var over handover
	text, err := bufio.NewReader(line).ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return &exits.Failure{Code: exits.Failed} // it is gone, or knows better
	}
	if err == nil {
		err = json.Unmarshal(text, &over)
	}
	f := &exits.Failure{Code: exits.Failed, Err: err}
	if err == nil {
		chosen := over.Settings
		chosen.Policy.Wait, chosen.Policy.Fallback = 0, policy.FallbackNone // the supervisor has seen to it
		in.plan.Env, in.plan.Settings = env, chosen
		f = newStart(in.plan).inUserns(line, in.parent, over)
	}
	_ = front.Send(line, append([]byte{byte(f.Code)}, f.Error()...))
	return &exits.Failure{Code: f.Code}
}

// handover is what the supervisor tells the child, as a line of JSON.
type handover struct {
	Folder   string        // the name of the private folder that it has made
	Own      []string      // those of the folders for the places of WORKER_WRAP_PRIVATE
	Alive    []int         // PIDs of the other Workers that it has found
	Settings plan.Settings // some are in files of the runner's
	Left     time.Duration // of its time, see begun.Start.Until
}

// inUserns becomes the program in the folders that were made for it.
func (s *start) inUserns(line *os.File, parent int, over handover) (f *exits.Failure) {
	s.Journal.Alive, s.Until = over.Alive, time.Now().Add(over.Left)
	err := s.plainIDs()
	var p program
	if err == nil {
		p, err = s.private(
			func(p place.Places) (folder, error) { return s.findFolder(p, over.Folder, handed) },
			func(p place.Places) (own.All, error) { return s.own().Find(p, over.Own) })
	}
	if err != nil && !errors.As(err, &f) {
		f = &exits.Failure{Code: exits.Failed, Err: err}
	}
	path := ""
	if f == nil {
		path, f = s.ready(p)
	}
	if f == nil {
		f = s.askKeeper(line)
	}
	if f == nil {
		f = s.strip(line, parent)
	}
	if f == nil {
		f = s.exec(path, p)
	}
	return f
}

const (
	// becoming is what the child says just before it becomes the program. If nothing follows when the line ends, it has;
	// if the line ends without it, the child has died.
	becoming = 0
	// covered is what it says before that, in the mount namespace that the program will have, if a keeper is to be left
	// beside it. The supervisor leaves that in the host's view, and answers the same.
	covered = 1
)

// asksKeeper reports whether a start in a user namespace has its keeper in the host's view, and so none that lays the
// folder again: of the two one would take the other for a process that the job has left.
func (s *start) asksKeeper() bool { return s.keeper().Findable() || len(s.Settings.Private) > 0 }

// askKeeper has the supervisor leave a keeper, if this start is to have one there.
func (s *start) askKeeper(line *os.File) *exits.Failure {
	if !s.asksKeeper() {
		return nil
	}
	err := front.Send(line, []byte{covered})
	if err == nil {
		_, err = io.ReadFull(line, make([]byte, 1))
	}
	if err != nil {
		return s.failure(fmt.Errorf("the supervisor has ended: %w", err))
	}
	return nil
}

// strip is the last thing before the child becomes the program.
func (s *start) strip(line *os.File, parent int) *exits.Failure {
	attached, err := nsenter.LeaveNothing(parent)
	if err == nil && !attached {
		err = errors.New("the supervisor has ended")
	}
	if err == nil {
		err = front.Send(line, []byte{becoming})
	}
	if err != nil {
		return s.failure(err)
	}
	return nil
}
