package shim

import (
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/worker-wrap/worker-wrap/internal/start/own"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Also makes what a start of this plan over another folder would make, before that becomes its program: for whoever tries
// the starts of many runners and cannot pay for a process for each (package trial). It is made from the host's view, on a
// thread with which its namespace ends.
//
// It leaves a file named mark in the job's view of that folder. It says to out where the host sees it, with a zero byte
// at its end, and removes both when in has a byte.
func Also(p plan.Plan, temp, mark string, in io.Reader, out io.Writer) error {
	p.Temp, p.StoreOf = temp, ""
	return nsenter.Outside(func() error {
		runtime.LockOSThread() // for good
		s := newStart(p)
		if err := s.plainIDs(); err != nil {
			return err
		}
		made, err := s.private(
			func(at place.Places) (folder, error) { return s.makeFolder(at, s.Self) },
			func(at place.Places) (own.All, error) { return s.own().Make(at, s.Self) })
		if err != nil {
			return s.failure(err)
		}
		defer os.Remove(made.temp)
		path := filepath.Join(temp, mark)
		defer os.Remove(path)
		if err := os.WriteFile(path, []byte("inside"), 0o600); err != nil {
			return err
		}
		if _, err := io.WriteString(out, made.temp+"\x00"); err != nil {
			return err
		}
		_, err = io.ReadFull(in, make([]byte, 1))
		return err
	})
}
