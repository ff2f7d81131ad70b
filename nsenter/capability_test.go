package nsenter

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// asCapable runs the test again, as an ordinary user whom the file capability of a copy of this program serves. It
// reports whether this process is that one.
func asCapable(t *testing.T) bool {
	t.Helper()
	const mark = "WORKER_WRAP_TEST_CAPABLE"
	if os.Getenv(mark) != "" {
		return true
	}
	testkit.RequireRoot(t)
	program := filepath.Join(testkit.Dir(t), "test")
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(program, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	testkit.GiveCapability(t, program)
	cmd := testkit.AsUser(exec.Command(program, "-test.run=^"+t.Name()+"$", "-test.v"), 61234)
	cmd.Dir, cmd.Env = "/", []string{mark + "=1"}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
	return false
}

// has returns the calling thread's sets, each as whether CAP_SYS_ADMIN is in it.
func has(t *testing.T) (permitted, effective bool) {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Fatal(err)
	}
	return data[0].Permitted&(1<<unix.CAP_SYS_ADMIN) != 0, data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// TestWithSysAdmin: a file capability that is only permitted is in force for as long as it is needed, and no longer.
func TestWithSysAdmin(t *testing.T) {
	if !asCapable(t) {
		return
	}
	is := func(when string, wantPermitted, wantEffective bool) {
		t.Helper()
		if permitted, effective := has(t); permitted != wantPermitted || effective != wantEffective {
			t.Errorf("%s: permitted %v, effective %v; want %v, %v", when, permitted, effective, wantPermitted, wantEffective)
		}
	}
	failed := errors.New("it failed")
	done := make(chan bool)
	go func() { // whose thread ends with it
		defer close(done)
		if err := UnshareMounts(); err != nil {
			t.Error(err)
		}
		is("after UnshareMounts", true, false)
		err := WithSysAdmin(func() error {
			is("within", true, true)
			_ = WithSysAdmin(func() error { is("within twice", true, true); return nil })
			is("within still", true, true)
			return failed
		})
		if err != failed {
			t.Errorf("error %v", err)
		}
		is("after it", true, false)
	}()
	<-done
	is("on another thread", true, false)
	dumpable := func() int {
		n, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := dumpable(); n == 1 {
		t.Error("with a capability that it gained, its user can look into it")
	}
	err := DropCapabilities()
	if errors.Is(err, unix.ENOTSUP) && strings.Contains(err.Error(), "CGO_ENABLED=0") {
		return // testkit imports package net, and so this program can have cgo
	}
	if err != nil {
		t.Fatal(err)
	}
	is("when given up", false, false)
	if n := dumpable(); n != 1 {
		t.Errorf("dumpable is %d with nothing left to guard", n)
	}
	if err := WithSysAdmin(func() error { is("within, when given up", false, false); return failed }); err != failed {
		t.Errorf("error %v", err)
	}
}
