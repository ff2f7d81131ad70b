package shim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/blame"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/front"
	"github.com/worker-wrap/worker-wrap/internal/start/message"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// supervise starts the program in a user namespace, as a child, and stays in its place. It returns how
// the child ended, as a Failure without an error, or err if the child could not be isolated.
func (s *start) supervise() (f *exits.Failure, err error) {
	s.Journal.Debugf("in a user namespace: sudo and other set-user-ID programs will not work in this %s, which is a child of this process", s.Program())
	caught := front.Catch()
	pid, f, err := s.startInner(caught)
	if err != nil || f != nil {
		caught.Release()
		return f, err
	}
	if err := front.LetGo(); err != nil {
		return nil, abandon(pid, caught, err)
	}
	code, err := front.Wait(pid)
	if err != nil {
		return nil, abandon(pid, caught, err)
	}
	return &exits.Failure{Code: code, Ran: true}, nil
}

// abandon ends a child that cannot be looked after. Nothing else may be started then.
func abandon(pid int, caught *front.Signals, err error) *exits.Failure {
	front.Reap(pid)
	message.Return() // what the child has left of it
	caught.Release()
	return unsupervised(err)
}

func unsupervised(err error) *exits.Failure {
	return exits.Fail(exits.Failed, "the program was ended, as it could not be supervised: %w", err)
}

// startInner starts the child and returns when it is the program.
func (s *start) startInner(caught *front.Signals) (pid int, f *exits.Failure, err error) {
	if s.Unknown != nil {
		return 0, nil, s.Unknown
	}
	p, err := s.openPlaces(s.Home)
	if err != nil {
		return 0, nil, err
	}
	defer p.Close()
	ours, theirs, err := front.Connect()
	if err != nil {
		return 0, nil, err
	}
	defer ours.Close()
	noted := origin.Noted()
	pid, err = nsenter.StartInUser(s.innerArgs(theirs, noted, p.Home.Name()), s.Env, noted.Closed, theirs)
	theirs.Close()
	if err != nil {
		return 0, nil, blame.Userns(fmt.Errorf("cannot make a user namespace: %w", err))
	}
	f, err = s.escort(pid, ours, p)
	if err != nil || f != nil {
		if status := front.Reap(pid); errors.Is(err, errAtOnce) && status.Exited() && status.ExitStatus() == exits.Failed {
			err = errSaid{err}
		}
		message.Return()
		return 0, f, err
	}
	caught.Forward(pid)
	return pid, nil, nil
}

var errAtOnce = errors.New("the process in the user namespace ended at once")

// errSaid is errAtOnce if that process has said why on stderr: Go's runtime has ended it, for lack of memory or
// threads.
type errSaid struct{ error }

func (e errSaid) Unwrap() error { return e.error }

// escort makes the child's folder, tells it to go on, and waits until it is the program.
func (s *start) escort(pid int, line *os.File, p place.Places) (*exits.Failure, error) {
	child, err := s.Self.Peer(pid)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAtOnce, err)
	}
	s.keeper().SweepAll(p)
	made, err := s.makeFolder(p, child)
	if err != nil {
		return nil, err
	}
	defer made.close()
	covered, err := s.own().Make(p, child)
	if err != nil {
		made.discard()
		return nil, err
	}
	defer covered.Close()
	if made.below != nil { // locked by a descriptor that nobody closes: this process lives as long as the Worker
		_, _ = unix.FcntlInt(made.below.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	}
	over, err := json.Marshal(handover{filepath.Base(made.path()), covered.Names(), s.Journal.Alive, s.Settings, time.Until(s.Until)})
	if err != nil {
		return nil, err
	}
	message.Leave(child.PID) // it may be the Worker soon
	if err := front.Send(line, append(over, '\n')); err != nil {
		return nil, fmt.Errorf("%w: %w", errAtOnce, err)
	}
	word, err := s.listen(line, child, p)
	if err == nil && (len(word) == 0 || word[0] == exits.Failed) {
		covered.Discard()
	}
	switch {
	case err != nil && !errors.Is(err, unix.ECONNRESET):
		return unsupervised(err), nil // it may have become the program, so no other may start
	case len(word) == 0:
		made.discard()
		return nil, errAtOnce
	case word[0] == becoming && len(word) == 1:
		return nil, nil
	case word[0] == becoming: // and could not
		word = word[1:]
	}
	if word[0] == exits.Failed {
		made.discard()
		return nil, errors.New(string(word[1:]))
	}
	return &exits.Failure{Code: int(word[0]), Err: errors.New(string(word[1:]))}, nil
}

// listen returns what the child says before it is the program, and leaves a keeper beside it if it asks for that.
func (s *start) listen(line *os.File, child perpid.Owner, p place.Places) ([]byte, error) {
	in := bufio.NewReader(line)
	if word, err := in.Peek(1); err == nil && word[0] == covered {
		_, _ = in.Discard(1)
		s.keeper().WatchChild(child, p.Work)
		_ = front.Send(line, []byte{covered}) // if it has died the line says so
	}
	return io.ReadAll(in)
}
