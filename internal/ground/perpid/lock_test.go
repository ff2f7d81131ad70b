package perpid

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestByLock: of an owner in another container, whom nobody here can see, the lock on its folder tells whether it
// lives; if nobody has vouched for the lock, only that it does.
func TestByLock(t *testing.T) {
	s, j := claimStore(t)
	other := j.Self
	other.PIDNS, other.PID = other.PIDNS+1, 7
	j.Self.PIDNS += 2 // not the machine's first, which sees everybody
	temp, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer temp.Close()
	dir, err := s.Create(other, temp)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := func() (out []Verdict) {
		t.Helper()
		entries, err := s.List(j)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			out = append(out, e.Verdict)
		}
		return out
	}
	want := func(when string, want Verdict, entries int) {
		t.Helper()
		got := verdicts()
		if len(got) != entries {
			t.Errorf("%s: %d entries, want %d", when, len(got), entries)
		}
		for _, v := range got {
			if v != want {
				t.Errorf("%s: %v, want %v", when, v, want)
			}
		}
	}
	want("nothing is known", Unknown, 1)
	if err := Lock(dir); err != nil {
		t.Fatal(err)
	}
	want("locked", Living, 1)
	again, err := unix.Dup(int(dir.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := Vouch(other, dir); err != nil {
		t.Fatal(err)
	}
	dir.Close()
	want("locked by a copy", Living, 2)
	// A job may lock its _temp itself.
	mine, err := os.Open(filepath.Join(s.path, other.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(mine.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("a job cannot lock it: %v", err)
	}
	mine.Close()
	want("locked by a copy still", Living, 2)
	unix.Close(again)
	want("unlocked", Dead, 2)
	far := *j
	far.Remote = true
	entries, err := s.List(&far)
	if err != nil || len(entries) != 2 || entries[0].Verdict != Unknown {
		t.Errorf("where another machine may hold the lock: %+v, %v", entries, err)
	}
	path := filepath.Join(s.path, other.String(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, more, err := s.Tidy(j); !more || err != nil {
		t.Errorf("a file is no reason for a sweep: %v", err)
	}
	want("tidied in part", Dead, 2)
	if err := os.Remove(filepath.Join(s.path, deadPrefix+other.String(), "file")); err != nil { // as the sweep would find it
		t.Fatal(err)
	}
	if _, more, err := s.Tidy(j); more || err != nil {
		t.Errorf("something is left: %v, %v", more, err)
	}
	want("tidied", Dead, 0)
}
