// Command dockerbench measures what the Docker proxy adds to requests and takes from throughput: it
// starts a dockerd of its own and a proxy as the shim does, and asks both sockets in turn.
// scripts/bench-docker builds and runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// options are the command line's.
type options struct {
	binary  string // worker-wrap as built
	relay   string // c/relay.c as built
	rounds  int    // requests of each kind at each socket
	streams int    // transfers of each kind at each socket
	size    int    // of an image and a build context, in MiB
	check   bool   // fail if a target is missed
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "", "the worker-wrap `file` to measure")
	flag.StringVar(&o.relay, "relay", "", "the relay in C, a `file`, to measure beside it")
	flag.IntVar(&o.rounds, "rounds", 1000, "requests of each kind at each socket")
	flag.IntVar(&o.streams, "streams", 5, "transfers of each kind at each socket")
	flag.IntVar(&o.size, "size", 512, "`MiB` in an image and in a build context")
	flag.BoolVar(&o.check, "check", false, "exit 1 if a target is missed")
	flag.Parse()
	met, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dockerbench:", err)
		os.Exit(1)
	}
	if o.check && !met {
		os.Exit(1)
	}
}

func run(o options) (met bool, err error) {
	// In memory if that can be had: a disk's moods are larger than what is measured.
	base := "/var/tmp"
	if st, err := os.Stat("/dev/shm"); err == nil && st.IsDir() {
		base = "/dev/shm"
	}
	dir, err := os.MkdirTemp(base, "worker-wrap-dockerbench-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	d, err := startDaemon(dir)
	if err != nil {
		return false, err
	}
	defer d.stop()
	p, err := startProxy(o.binary, dir, d.socket)
	if err != nil {
		return false, err
	}
	defer p.stop()
	out, _ := exec.Command("dockerd", "--version").Output()
	fmt.Printf("%s%s/%s, %d CPUs, files in %s\n", out, runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), base)

	copied := filepath.Join(dir, "relay.sock")
	relay := exec.Command(o.relay, d.socket, copied)
	if err := relay.Start(); err != nil {
		return false, err
	}
	defer func() { _, _ = relay.Process.Kill(), relay.Wait() }()
	b := &bench{o: o, bare: newClient(d.socket), copied: newClient(copied), proxied: newClient(p.c.Socket), work: filepath.Dir(p.c.Temp), met: true}
	if !await(func() bool { return b.copied.ok("GET", "/_ping") }) {
		return false, fmt.Errorf("the relay in C does not answer")
	}
	idle := p.idle()
	fmt.Printf("idle: %.1f MiB of its own and its share (wanted: 4 or less), %.1f resident\n", idle, p.resident())
	if err := b.latencies(); err != nil {
		return false, err
	}
	fmt.Printf("resident memory after these: %.1f MiB\n", p.resident())
	again := p.idle()
	fmt.Printf("idle again: %.1f MiB of its own and its share (wanted: 4 or less)\n", again)
	idle = max(idle, again)
	if err := b.transfers(); err != nil {
		return false, err
	}
	resident := p.peak()
	fmt.Printf("resident memory at most: %.1f MiB (wanted: 15 or less)\n", resident)
	return b.met && resident <= 15 && idle <= 4, nil
}

// await asks until done says yes.
func await(done func() bool) bool {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if done() {
			return true
		}
	}
	return false
}
