package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// holders are what lives beside the measured starts: Workers in a plain _temp, with their keepers, and what answers at a
// Docker socket. Whatever else becomes a child of this process was left by a start, see settle.
type holders struct {
	socket  string
	server  *http.Server
	workers []*exec.Cmd
	inputs  []io.Closer
	known   []string // PIDs
}

// newHolders listens at a Docker socket in dir, and makes this process the parent of what its children leave.
func newHolders(dir string) (*holders, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, os.NewSyscallError("prctl", err)
	}
	h := &holders{socket: filepath.Join(dir, "docker.sock")}
	listener, err := net.Listen("unix", h.socket)
	if err != nil {
		return nil, err
	}
	h.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })}
	go func() { _ = h.server.Serve(listener) }()
	return h, nil
}

// hold has a Worker live in the plain _temp of the runner that worker belongs to: cat, until its input ends.
func (h *holders) hold(worker string, env []string, uid int) error {
	cat, err := exec.LookPath("cat")
	if err != nil {
		return err
	}
	real := worker + ".real"
	if err := errors.Join(os.Rename(real, real+".kept"), copyFile(cat, real)); err != nil {
		return err
	}
	cmd := exec.Command(worker)
	cmd.Env = env
	if uid != 0 {
		return errors.New("a Worker of an ordinary user's is not held")
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	h.workers, h.inputs = append(h.workers, cmd), append(h.inputs, in)
	if _, err := io.WriteString(in, "up\n"); err != nil {
		return err
	}
	if _, err := io.ReadFull(out, make([]byte, len("up\n"))); err != nil {
		return fmt.Errorf("%s does not become cat: %w", worker, err)
	}
	h.known, err = children()
	return errors.Join(err, os.Rename(real+".kept", real))
}

// end lets the Workers end, and waits for all that is left.
func (h *holders) end() error {
	for i, in := range h.inputs {
		in.Close()
		_ = h.workers[i].Wait()
	}
	h.known = nil
	return errors.Join(h.settle(), h.server.Close())
}

// settle waits until nothing is left of the starts so far, such as a keeper that notes a Worker's end: it would take
// time from the next one.
func (h *holders) settle() error {
	for {
		for {
			var status unix.WaitStatus
			if pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil); err != unix.EINTR && (err != nil || pid == 0) {
				break
			}
		}
		left, err := children()
		if err != nil || !slices.ContainsFunc(left, func(pid string) bool { return !slices.Contains(h.known, pid) }) {
			return err
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// children lists the PIDs of this process's children.
func children() (pids []string, err error) {
	files, err := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file) // a thread may have ended
		pids = append(pids, strings.Fields(string(text))...)
	}
	if err == nil && files == nil {
		err = errors.New("the kernel does not list a process's children (CONFIG_PROC_CHILDREN)")
	}
	return pids, err
}

// keepers tells how many kilobytes of memory each keeper has for itself: what is not the program's file, which all share.
func (h *holders) keepers() (kilobytes []int) {
	for _, pid := range h.known {
		name, _ := os.ReadFile("/proc/" + pid + "/comm")
		rollup, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
		if err != nil || string(name) != "worker-wrap\n" {
			continue
		}
		sum := 0
		for _, field := range []string{"Pss_Anon:", "Pss_Shmem:"} {
			_, text, _ := bytes.Cut(rollup, []byte(field))
			n := 0
			_, _ = fmt.Sscan(string(text), &n)
			sum += n
		}
		kilobytes = append(kilobytes, sum)
	}
	return kilobytes
}
