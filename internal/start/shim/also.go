package shim

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/atonce"
	"github.com/worker-wrap/worker-wrap/internal/start/own"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// Also makes what starts of this plan over other folders would make, before the process becomes its program: for whoever
// tries the starts of many runners and cannot pay for a process for each (package trial).
//
// Each leaves a file named mark in the job's view of its folder. Also says to out where the host sees those folders, in
// their order, each with a zero byte at its end. It removes them when in has a byte.
func Also(p plan.Plan, temps []string, mark string, in io.Reader, out io.Writer) error {
	if len(temps) == 0 {
		return nil
	}
	origin.AllCPUs()
	hosts, errs := make([]string, len(temps)), make([]error, len(temps))
	atonce.Each(len(temps), func(i int) {
		errs[i] = nsenter.Outside(func() (err error) { hosts[i], err = marked(p, temps[i], mark); return err })
	})
	defer func() {
		for _, host := range hosts {
			if host != "" { // else that one was not made
				_ = os.Remove(filepath.Join(host, mark))
				_ = os.Remove(host)
			}
		}
	}()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if _, err := io.WriteString(out, strings.Join(hosts, "\x00")+"\x00"); err != nil {
		return err
	}
	_, err := io.ReadFull(in, make([]byte, 1))
	return err
}

// marked makes it over one folder, in the host's view, and returns where that sees it. The namespace ends with the calling
// goroutine and its thread.
func marked(p plan.Plan, temp, mark string) (host string, err error) {
	runtime.LockOSThread() // for good
	p.Temp, p.StoreOf = temp, ""
	s := newStart(p)
	if err := s.plainIDs(); err != nil {
		return "", err
	}
	made, err := s.private(
		func(at place.Places) (folder, error) { return s.makeFolder(at, s.Self) },
		func(at place.Places) (own.All, error) { return s.own().Make(at, s.Self) })
	if err != nil {
		return "", s.failure(err)
	}
	return made.temp, os.WriteFile(filepath.Join(temp, mark), []byte("inside"), 0o600)
}
