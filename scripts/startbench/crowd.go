package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// crowd is how long it takes until many starts, made at one moment, have all become their programs, in microseconds. None
// ends before: what a keeper does at a Worker's end is no part of a start.
type crowd struct {
	Size        int
	Bare, Alone float64 // medians
	Exec        float64 // of c/exec.c: what any other program before the command takes at least
}

const crowdSize = 32

// measureCrowd starts the bare command so often at once, then a lone Worker of each of so many runners, then what only
// execs.
func measureCrowd(o options, dir string, rounds int, stderr *os.File, h *holders) (c crowd, err error) {
	if o.only != "" && o.only != "crowd" {
		return c, nil
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return c, err
	}
	command := filepath.Join(dir, "command")
	if err := copyFile(o.started, command); err != nil {
		return c, err
	}
	var bare, alone, exec []peer
	for i := range crowdSize {
		worker, err := makeRunner(filepath.Join(dir, fmt.Sprint(i)), o.binary, command, 0)
		if err != nil {
			return c, err
		}
		bare = append(bare, peer{argv: []string{command}, dir: dir})
		exec = append(exec, peer{argv: []string{o.exec, command}, dir: dir})
		alone = append(alone, peer{argv: []string{worker, "spawnclient", "160", "164"}, dir: dir, env: []string{isolateAlone}})
	}
	var times [3][]float64
	for round := -2; round < max(rounds/4, 10); round++ {
		for i, all := range [][]peer{bare, alone, exec} {
			took, err := startTogether(all, stderr)
			if err = errors.Join(err, h.settle()); err != nil {
				return c, err
			}
			if round >= 0 {
				times[i] = append(times[i], micro(took))
			}
		}
	}
	median := func(all []float64) float64 {
		slices.Sort(all)
		return all[len(all)/2]
	}
	return crowd{Size: crowdSize, Bare: median(times[0]), Alone: median(times[1]), Exec: median(times[2])}, nil
}

// startTogether tells how long it takes until all have said that they are started.
func startTogether(peers []peer, stderr *os.File) (took time.Duration, err error) {
	var in, out [2]int
	if err := errors.Join(unix.Pipe2(in[:], unix.O_CLOEXEC), unix.Pipe2(out[:], unix.O_CLOEXEC)); err != nil {
		return 0, err
	}
	files := []uintptr{uintptr(in[0]), uintptr(out[1]), stderr.Fd()}
	var pids []int
	began := time.Now()
	for _, p := range peers {
		pid, failed := syscall.ForkExec(p.argv[0], p.argv, &syscall.ProcAttr{Dir: p.dir, Env: p.env, Files: files})
		if err = errors.Join(err, failed); failed == nil {
			pids = append(pids, pid)
		}
	}
	unix.Close(in[0])
	unix.Close(out[1])
	said := make([]byte, len(peers))
	for n := 0; n < len(peers) && err == nil; {
		var more int
		if more, err = unix.Read(out[0], said[n:]); err == nil && more == 0 {
			err = errors.New("a start of many at once failed")
		}
		n += max(more, 0)
	}
	took = time.Since(began)
	unix.Close(in[1])
	unix.Close(out[0])
	for _, pid := range pids {
		var status syscall.WaitStatus
		_, _ = syscall.Wait4(pid, &status, 0, nil)
	}
	return took, err
}
