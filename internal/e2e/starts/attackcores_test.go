package starts_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAttackBySignals sends every signal at some moment of a start.
func TestAttackBySignals(t *testing.T) {
	a := aim(t, capable(t), "attacksignals")
	a.calibrate(t)
	before := hostMounts(t)
	ran, ended, refused := 0, 0, 0
	const each = 6
	for n := range each {
		a.other(t, n%2 == 1)
		for sig := 1; sig <= 35; sig++ {
			if sig > 31 && sig < 35 {
				sig = 35 // of the real-time ones, C libraries keep the first to themselves
			}
			moment := time.Duration(n)*a.span/each + rand.N(a.span/each)
			o := a.attacked(t, []string{"DOCKER=off"}, "kill", sig, moment)
			switch {
			case a.judge(t, fmt.Sprintf("signal %d, %v", sig, moment), sig, o):
				ran++
			case o.signal != 0:
				ended++
			default:
				refused++
			}
		}
	}
	a.gone(t, "after the signals")
	if len(a.log(t, events.ProxyEnd)) == 0 {
		t.Error("no start had a Docker proxy")
	}
	a.untouched(t, before)
	t.Logf("within %v: %d became the Worker, %d were ended by the signal, %d said so", a.span, ran, ended, refused)
	if ran == 0 || ended == 0 || refused == 0 {
		t.Error("too little happened to show anything")
	}
}

// cores lets processes leave core files as large as they like.
func cores(t *testing.T) {
	t.Helper()
	var was unix.Rlimit
	do(t, unix.Getrlimit(unix.RLIMIT_CORE, &was), unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}))
	t.Cleanup(func() { do(t, unix.Setrlimit(unix.RLIMIT_CORE, &was)) })
}

// coreFiles removes the core files in the working folder, and returns how many there were of the program at path:
// a core file names what was mapped.
func (a *target) coreFiles(t *testing.T, path string) (n int) {
	t.Helper()
	files, err := filepath.Glob(a.cwd + "/*")
	do(t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		do(t, err, os.Remove(file))
		if bytes.Contains(data, []byte(path+"\x00")) {
			n++
		}
	}
	return n
}

// TestAttackByCore: whatever kills it, a start with the privilege leaves no core file. A core_pattern that puts
// them elsewhere, or into a pipe, is seen by what the kernel tells the parent.
func TestAttackByCore(t *testing.T) {
	cores(t)
	shim := capable(t)
	a := aim(t, shim, "attacksignals")
	a.calibrate(t)
	signals := []unix.Signal{unix.SIGQUIT, unix.SIGSEGV, unix.SIGABRT, unix.SIGSYS, unix.SIGXCPU}
	const each = 24
	privileged, worker := 0, 0
	for n := range each {
		a.other(t, n%2 == 1)
		for i, sig := range signals {
			// More of the first moments, in which Go's runtime does not handle signals yet.
			moment := time.Duration(n*n) * a.span / (each * each)
			o := a.attacked(t, []string{"DOCKER=off"}, "stop", int(sig), moment+time.Duration(i)*10*time.Microsecond)
			what := fmt.Sprintf("%v, %v", sig, moment)
			a.judge(t, what, int(sig), o)
			if files := a.coreFiles(t, shim); files != 0 || o.core && o.privileged {
				t.Errorf("%s: a core file: %+v", what, o)
			}
			switch {
			case o.privileged:
				privileged++
			case o.core:
				worker++
			}
		}
	}
	t.Logf("%d were sent a signal while they had the privilege; %d Workers left a core file", privileged, worker)

	a.other(t, false)
	a.gone(t, "after the signals")

	// Without the privilege it leaves core files as any program does, else this shows nothing.
	plain := filepath.Join(testkit.Dir(t), "worker-wrap")
	data, err := os.ReadFile(shim)
	do(t, err, os.WriteFile(plain, data, 0o755), os.Remove(a.worker), os.Symlink(plain, a.worker))
	files, told := 0, 0
	begin := time.Now()
	for n := 0; n < 20 || told == 0 && time.Since(begin) < testkit.Patience; n++ { // a busy machine is late with the first moments
		moment := time.Duration(n%20) * a.span / 100
		if o := a.attacked(t, []string{"DOCKER=off"}, "stop", int(signals[n%len(signals)]), moment); o.core {
			told++
		}
		files += a.coreFiles(t, plain)
	}
	t.Logf("without it: %d told of, %d files of it here", told, files)
	if privileged < each || told == 0 {
		t.Error("too little happened to show anything")
	}
}
