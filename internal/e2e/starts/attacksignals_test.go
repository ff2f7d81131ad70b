package starts_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// target is a runner whose Worker says what it may do, and what attacks its starts.
type target struct {
	scratch
	attack, linger string
	cwd            string // where a core file would be
	env            []string
	temp           unix.Stat_t
	span           time.Duration // how long a start takes, and some more
}

// aim makes a target of the program at shim.
func aim(t *testing.T, shim, attack string) *target {
	t.Helper()
	a := &target{scratch: ordinary(t, shim), linger: "3000", cwd: testkit.Dir(t)}
	do(t, os.Chown(a.cwd, user, user), os.Remove(a.worker+".real"), unix.Stat(a.scratch.temp, &a.temp))
	do(t, os.Rename(compile(t, "innocent", filepath.Dir(a.worker)), a.worker+".real"), os.Lchown(a.worker+".real", user, user))
	a.attack = compile(t, attack, testkit.Dir(t))
	return a
}

// innocent are the arguments of the Worker.
func (a *target) innocent(file string) []string { return []string{file, a.scratch.temp, a.linger} }

// other turns the target's starts into those with a Docker proxy, and with the variable that has Go's runtime leave a
// core file; with odd false, back.
func (a *target) other(t *testing.T, odd bool) {
	t.Helper()
	a.env = nil
	if !odd {
		return
	}
	socket := a.root + "/docker.sock"
	if _, err := os.Lstat(socket); err != nil {
		listenAt(t, socket, 0o600, user)
	}
	a.env = []string{"WORKER_WRAP_DOCKER=", "DOCKER_HOST=unix://" + socket, "GOTRACEBACK=crash"}
}

// calibrate finds out how long a start takes here.
func (a *target) calibrate(t *testing.T) {
	t.Helper()
	least := time.Hour
	for range 5 {
		c := command([]string{"DOCKER=off"}, a.worker, "-", a.scratch.temp, "0")
		begin := time.Now()
		if code := c.end(t); code != 0 {
			t.Fatalf("exit code %d, %q", code, &c.err)
		}
		least = min(least, time.Since(begin))
	}
	a.span = max(4*time.Millisecond, 3*least/2)
}

// outcome is what came of a start that was attacked.
type outcome struct {
	stopped, privileged bool // when it was sent the signal
	core                bool
	signal, code        int
	ways                []string // into it
	out, err            string
}

var reportLine = regexp.MustCompile(`(?s)^(.*?)(?:\nways([^\n]*)\n)?(.*)\nreport (\d+) (\d+) (\d+) (-?\d+) (\d+)\n$`)

// attacked makes one start.
func (a *target) attacked(t *testing.T, settings []string, how string, sig int, moment time.Duration, swaps ...string) outcome {
	t.Helper()
	args := append([]string{how, strconv.Itoa(sig), strconv.FormatInt(moment.Microseconds(), 10)}, swaps...)
	args = append(append(args, "--", a.worker), a.innocent("-")...)
	c := command(settings, a.attack, args...)
	c.Dir, c.Env = a.cwd, append(c.Env, a.env...)
	code := c.end(t)
	m := reportLine.FindStringSubmatch(c.out.String())
	if code != 0 || m == nil {
		t.Fatalf("%q: exit code %d, %q, %q", args, code, &c.out, &c.err)
	}
	number := func(i int) int { n, err := strconv.Atoi(m[i]); do(t, err); return n }
	return outcome{
		stopped: number(4) == 1, privileged: number(5) == 1, signal: number(6), code: number(7), core: number(8) == 1,
		ways: strings.Fields(m[2]), out: m[1] + m[3], err: c.err.String(),
	}
}

// judge checks that a start ended in one of the ways that it may, and reports whether it became the Worker.
func (a *target) judge(t *testing.T, what string, sig int, o outcome) bool {
	t.Helper()
	switch {
	case o.signal != 0 && o.signal == sig, o.code == 0 && o.out != "":
	case o.code == 1 && o.out == "" && strings.Contains(o.err, "user "+a.scratch.temp+" does not exist"): // su(1)
	case o.code >= 125 && o.code <= 127 && o.out == "":
		oneLine(t, o.err)
	default:
		t.Errorf("%s: %+v", what, o)
	}
	if o.out != "" {
		a.plain(t, what, o.out)
	}
	return o.out != ""
}

// plain checks what the Worker said: that it has only what its user has, and not the host's _temp.
func (a *target) plain(t *testing.T, what, out string) {
	t.Helper()
	rights := fmt.Sprintf("rights 0 0 0 0 0 0 0 uid %[1]d %[1]d %[1]d gid %[1]d %[1]d %[1]d nnp 0 dumpable 1 shadow 0\n", user)
	if !strings.HasPrefix(out, rights) {
		t.Errorf("%s: the Worker has more than its user: %s", what, out)
	}
	inStore := func(store string) bool { return strings.Contains(out, "\nhost "+store+"/") } // the second if the first was exchanged
	if strings.Contains(out, fmt.Sprintf("\ntemp %d:%d\n", a.temp.Dev, a.temp.Ino)) || !slices.ContainsFunc(perpid.Paths(a.root, a.scratch.temp), inStore) {
		t.Errorf("%s: the Worker has the host's _temp: %s", what, out)
	}
}

// untouched checks what the host has after an attack.
func (a *target) untouched(t *testing.T, mounts string) {
	t.Helper()
	sameMounts(t, mounts)
	if _, err := os.Lstat(filepath.Join(a.scratch.temp, "mark")); err == nil {
		t.Error("a Worker was in the host's _temp")
	}
}

// TestAttackWhileStopped stops starts at every moment, looks into them, exchanges what is on their way, and lets
// them go on.
func TestAttackWhileStopped(t *testing.T) {
	a := aim(t, capable(t), "attacksignals")
	work, bin := filepath.Dir(a.scratch.temp), filepath.Dir(a.worker)
	evil, other := bin+".evil", work+".other"
	link, err := os.Readlink(a.worker)
	do(t, err, os.Symlink("/etc", work+"/temp.link"), os.Symlink("/tmp", work+"/store.link"), os.MkdirAll(a.store, 0o711),
		os.Symlink("/etc/shadow", bin+"/real.link"), os.Symlink("/usr/bin/su", bin+"/shim.link"),
		os.Mkdir(evil, 0o755), os.Symlink(link, evil+"/Runner.Worker"), os.Symlink("/etc/shadow", evil+"/Runner.Worker.real"),
		os.Mkdir(other, 0o755), os.Symlink("/etc", other+"/_temp"))
	testkit.Give(t, a.root, user)
	for _, path := range []string{work + "/temp.root", work + "/store.root", bin + ".root"} {
		do(t, os.Mkdir(path, 0o777), os.Chmod(path, 0o777))
	}
	do(t, os.WriteFile(bin+"/real.root", []byte("#!/bin/sh\necho HAVE\n"), 0o700))
	a.calibrate(t)

	// What _temp is after the exchange, if that is another's: it must not be covered.
	swaps := []struct {
		temp  string
		pairs []string
	}{
		{"/etc", []string{a.scratch.temp, work + "/temp.link"}},
		{work + "/temp.root", []string{a.scratch.temp, work + "/temp.root"}},
		{"", []string{a.store, work + "/store.link"}},
		{"", []string{a.store, work + "/store.root"}},
		{"/etc", []string{work, other}},
		{"", []string{bin, evil}},
		{"", []string{bin, bin + ".root"}},
		{"", []string{a.worker, bin + "/shim.link"}},
		{"", []string{a.worker + ".real", bin + "/real.link"}},
		{"", []string{a.worker + ".real", bin + "/real.root"}},
		{"/etc", []string{a.scratch.temp, work + "/temp.link", a.store, work + "/store.link", bin, evil}},
	}
	before := hostMounts(t)
	privileged, ran := 0, 0
	ways := map[string]bool{}
	const starts = 220
	// Into a Worker it is open: else nothing is shown by its being shut before.
	never := func() []string {
		return slices.DeleteFunc([]string{
			"mem", "maps", "environ", "fd", "map_files", "root", "cwd", "ns/mnt", "early/mem", "early/fd", "io",
			"early-io", "task/%/mem", "vm_readv", "vm_writev", "getfd-2", "seize",
		}, func(way string) bool { return ways[way] })
	}
	enough := func() bool { return privileged >= starts/10 && ran > 0 && len(never()) == 0 }
	for n := 0; n < starts || n < 10*starts && !enough(); n++ { // a busy machine brings about less of what counts
		swap := swaps[n%len(swaps)]
		moment := time.Duration(n%starts/len(swaps)*len(swaps))*a.span/starts + rand.N(a.span/30)
		moment *= time.Duration(1 + n/starts) // starts may take longer by now
		var is unix.Stat_t
		if swap.temp != "" {
			do(t, unix.Stat(swap.temp, &is))
		}
		o := a.attacked(t, []string{"DOCKER=off"}, "stop", 0, moment, swap.pairs...)
		what := fmt.Sprintf("%v, %q", moment, swap.pairs)
		if !o.privileged {
			for _, way := range o.ways {
				ways[way] = true
			}
			a.judge(t, what, 0, o)
			continue
		}
		privileged++
		if len(o.ways) != 0 {
			t.Errorf("%s: open to its user: %q", what, o.ways)
		}
		if a.judge(t, what, 0, o) {
			ran++
			if swap.temp != "" && !strings.Contains(o.out, fmt.Sprintf("\ntemp %d:%d\n", is.Dev, is.Ino)) {
				t.Errorf("%s: something lies over %s: %s", what, swap.temp, o.out)
			}
		}
	}
	a.untouched(t, before)
	t.Logf("at least %d starts of %v each, stopped with the privilege %d times, after which %d became the Worker", starts, a.span, privileged, ran)
	if !enough() {
		t.Error("too little happened to show anything")
	}
	for _, way := range never() {
		t.Errorf("%q is never open, not even into the Worker", way)
	}
}
