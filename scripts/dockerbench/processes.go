package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
)

// daemon is a dockerd.
type daemon struct {
	cmd    *exec.Cmd
	socket string
}

func startDaemon(dir string) (*daemon, error) {
	d := &daemon{socket: filepath.Join(dir, "docker.sock")}
	log, err := os.Create(filepath.Join(dir, "dockerd.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	d.cmd = exec.Command("dockerd", "--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"-H", "unix://"+d.socket, "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false")
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	if !await(func() bool { return newClient(d.socket).ok("GET", "/_ping") }) {
		d.stop()
		text, _ := os.ReadFile(log.Name())
		return nil, fmt.Errorf("dockerd does not start:\n%s", text)
	}
	return d, nil
}

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait()
}

// proxy is the process that the shim would start, for this one as the Worker.
type proxy struct {
	cmd *exec.Cmd
	c   dockerproxy.Config
}

func startProxy(binary, dir, real string) (*proxy, error) {
	p := &proxy{c: dockerproxy.Config{
		Real: real, Socket: filepath.Join(dir, "work", ".worker-wrap", "1.sock"),
		Temp: filepath.Join(dir, "work", "_temp"), Private: filepath.Join(dir, "work", ".worker-wrap", "1"),
	}}
	for _, folder := range []string{p.c.Temp, p.c.Private} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.c.Socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	listener.SetUnlinkOnClose(false)
	socket, err := listener.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, err
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	p.cmd = exec.Command(binary, dockerproxy.Subcommand, "real="+p.c.Real, "socket="+p.c.Socket, "temp="+p.c.Temp, "private="+p.c.Private)
	p.cmd.ExtraFiles = []*os.File{socket, pidfd}
	p.cmd.Env = []string{}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if !await(func() bool { return newClient(p.c.Socket).ok("GET", "/_ping") }) {
		p.stop()
		return nil, fmt.Errorf("the proxy does not answer")
	}
	return p, nil
}

func (p *proxy) stop() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// idle returns pss when nobody has asked for anything for longer than the proxy waits to give memory back.
func (p *proxy) idle() float64 {
	time.Sleep(6 * time.Second)
	return p.pss()
}

// pss returns the memory that the proxy has to itself and its share of the rest, in MiB (proc_pid_smaps(5)).
func (p *proxy) pss() float64 { return p.field("smaps_rollup", "Pss:") }

// resident returns the proxy's resident memory, and peak the most so far, in MiB (proc_pid_status(5)).
func (p *proxy) resident() float64 { return p.field("status", "VmRSS:") }
func (p *proxy) peak() float64     { return p.field("status", "VmHWM:") }

func (p *proxy) field(file, field string) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	_, rest, _ := strings.Cut(string(text), field)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	kib, _ := strconv.Atoi(words[0])
	return float64(kib) / 1024
}
