package perpid

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// fakeProc makes a /proc in which this process has the stat line, status and boot id given. An empty text is a
// file that is not there.
func fakeProc(t *testing.T, stat, status, boot string) string {
	t.Helper()
	proc := t.TempDir()
	pid := strconv.Itoa(os.Getpid())
	for _, dir := range []string{pid, "1", "sys/kernel/random"} {
		if err := os.MkdirAll(filepath.Join(proc, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(pid, proc+"/self"), os.Symlink("/proc/self/ns", filepath.Join(proc, pid, "ns"))); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{pid + "/stat": stat, pid + "/status": status, "sys/kernel/random/boot_id": boot, "1/stat": "x"} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(proc, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

// line is a line of /proc/PID/stat with the state, number of threads and start time given.
func line(state, threads, start string) string {
	return "7 (a) b) " + state + " 1 7 7 0 -1 4194304 1 0 0 0 1 1 0 0 20 0 " + threads + " 0 " + start + " 1000 100 0\n"
}

const boot = "01234567-89ab-cdef-0123-456789abcdef\n"

func TestSelfFromOddProc(t *testing.T) {
	o, err := self(fakeProc(t, line("S", "1", "4711"), "", boot))
	if err != nil || o.PID != os.Getpid() || o.Start != 4711 || o.Boot != "0123456789ab" {
		t.Errorf("%+v, %v", o, err)
	}
	// systemd's ProcSubset=pid hides the boot id; what is no such thing is none.
	for _, boot := range []string{"", "01234567-89a\n", "0123456789AB\n", "unknown\n"} {
		o, err := self(fakeProc(t, line("S", "1", "4711"), "", boot))
		if err != nil || o.PID != os.Getpid() || o.Start != 4711 || o.Boot != unknownBoot {
			t.Errorf("with the boot id %q: %+v, %v", boot, o, err)
		}
		if back, what, ok := Parse(o.String()); back != o || what != "" || !ok {
			t.Errorf("%v is read as %v, %q, %v", o, back, what, ok)
		}
	}
	for want, proc := range map[string]string{
		"not in the form of":       fakeProc(t, "7 a S 1\n", "", boot),
		`form of proc_pid_stat(5)`: fakeProc(t, line("SS", "1", "4711"), "", boot),
		`: "7 (a) b) S 1 7 7 0 `:   fakeProc(t, line("S", "x", "4711"), "", boot),
		`x 1000 100 0\n"`:          fakeProc(t, line("S", "1", "x"), "", boot),
		"7 (a) b) S 1":             fakeProc(t, "7 (a) b) S 1\n", "", boot),
	} {
		// Half an owner would be taken for one that was found out.
		if o, err := self(proc); err == nil || o != (Owner{}) || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v, %v; want none, and an error with %q", o, err, want)
		}
	}
}

// TestVerdictElsewhereFromOddProc: an owner in another PID namespace is one of the processes that /proc shows, by its
// start and its PID there. A process without a status has ended meanwhile.
func TestVerdictElsewhereFromOddProc(t *testing.T) {
	me, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	me.PIDNS = initPIDNS
	other := Owner{PID: 5, Start: 4711, PIDNS: 1, Boot: me.Boot}
	for status, want := range map[string]Verdict{
		"Name:\tx\nNSpid:\t77\t5\nSigQ:\t1\n": Living,
		"Name:\tx\nNSpid:\t77\t6\n":           Dead,
		"Name:\tx\nNSpid:\n":                  Dead,
		"Name:\tx\n":                          Dead, // before Linux 4.1
		"":                                    Dead,
	} {
		j := NewJudge(me, false)
		j.proc = fakeProc(t, line("S", "1", "4711"), status, boot)
		if err := os.Remove(fmt.Sprintf("%s/%d/ns", j.proc, me.PID)); err != nil { // as where it may not be seen
			t.Fatal(err)
		}
		if got := j.Verdict(other, time.Now()); got != want {
			t.Errorf("%q: %v, want %v", status, got, want)
		}
	}
}

// TestClaimSaysWhatToDo: an owner that cannot be judged may be alive, and only a person can know.
func TestClaimSaysWhatToDo(t *testing.T) {
	s, j := claimStore(t)
	j.Self.PIDNS++ // neither the machine's first nor the other's
	other := j.Self
	other.PIDNS++
	if err := os.Mkdir(filepath.Join(s.path, other.String()), 0o755); err != nil {
		t.Fatal(err)
	}
	err := claim(s, j, time.Second)
	if !errors.Is(err, ErrClaimed) || !strings.Contains(err.Error(), "may be alive in another PID namespace (remove it") {
		t.Errorf("%v", err)
	}
}

// TestCreateCopiesLongAccessLists: one may be longer than what is read at first.
func TestCreateCopiesLongAccessLists(t *testing.T) {
	testkit.RequireRoot(t)
	s, j := claimStore(t)
	path := t.TempDir()
	const all, users = ^uint32(0), 150
	list := binary.LittleEndian.AppendUint32(nil, 2) // linux/posix_acl_xattr.h
	add := func(tag, perm uint16, id uint32) {
		list = binary.LittleEndian.AppendUint16(list, tag)
		list = binary.LittleEndian.AppendUint16(list, perm)
		list = binary.LittleEndian.AppendUint32(list, id)
	}
	add(0x01, 7, all) // ACL_USER_OBJ
	for n := range users {
		add(0x02, 5, 61300+uint32(n)) // ACL_USER
	}
	add(0x04, 5, all) // ACL_GROUP_OBJ
	add(0x10, 5, all) // ACL_MASK
	add(0x20, 5, all) // ACL_OTHER
	if err := unix.Setxattr(path, "system.posix_acl_access", list, 0); err != nil {
		testkit.Skip(t, "no access lists here: %v", err)
	}
	temp, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer temp.Close()
	dir, err := s.Create(j.Self, temp)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	got := make([]byte, 64<<10)
	n, err := unix.Fgetxattr(int(dir.Fd()), "system.posix_acl_access", got)
	if err != nil || string(got[:n]) != string(list) {
		t.Errorf("%d bytes, %v; want the list of %d", n, err, len(list))
	}
}

// TestUntouched: what is to be given to another user must be empty still.
func TestUntouched(t *testing.T) {
	testkit.RequireRoot(t)
	s, _ := claimStore(t)
	theirs := filepath.Join(s.path, "theirs")
	if err := errors.Join(os.Mkdir(theirs, 0o755), os.Chown(theirs, 61238, 61238)); err != nil {
		t.Fatal(err)
	}
	like, err := os.Stat(theirs)
	if err != nil {
		t.Fatal(err)
	}
	for name, fails := range map[string]bool{"empty": false, "filled": true} {
		path := filepath.Join(s.path, name)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if fails {
			if err := os.WriteFile(path+"/of-root", nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		dir, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.untouched(dir, like); (err != nil) != fails {
			t.Errorf("%s: %v", name, err)
		}
		dir.Close()
	}
	place, err := os.OpenFile(filepath.Join(s.path, "empty"), unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer place.Close()
	if err := s.untouched(place, like); !errors.Is(err, unix.EBADF) {
		t.Errorf("what cannot be read counts as empty: %v", err)
	}
}
