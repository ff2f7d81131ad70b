package perpid

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/flock"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// makeIn makes a store in the folder work, like that.
func makeIn(t *testing.T, work string) (*Store, error) {
	t.Helper()
	dir, err := os.Open(work)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	like, err := dir.Stat()
	if err != nil {
		t.Fatal(err)
	}
	return Make(dir, like)
}

func claimStore(t *testing.T) (*Store, *Judge) {
	t.Helper()
	s, err := makeIn(t, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	return s, NewJudge(self, false)
}

func nobody() error { return nil }

func unkept() (bool, error) { return false, nil }

// claim is the claim of an owner that keeps nothing locked, beside nobody that the store does not know.
func claim(s *Store, j *Judge, patience time.Duration) error {
	return s.Claim(j, Terms{Patience: patience, Folders: true}, nobody, unkept)
}

func write(t *testing.T, s *Store, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.path, ClaimName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestClaim: who may take the plain _temp, by what the file says.
func TestClaim(t *testing.T) {
	s, j := claimStore(t)
	parent, err := j.Self.Peer(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	dead, reused, elsewhere := j.Self, parent, j.Self
	dead.PID, dead.Start = 1<<22+1, 1 // over the kernel's PID_MAX_LIMIT
	reused.Start++
	elsewhere.PIDNS++
	boot := parent
	boot.Boot = "0123456789ab"
	for name, c := range map[string]struct {
		text string
		free bool
	}{
		"empty": {"", true}, "cut": {j.Self.String()[:10], true}, "garbage": {strings.Repeat("\x00", 400), true},
		"its own": {j.Self.String() + "\n", true}, "dead": {dead.String() + "\n", true}, "a PID used again": {reused.String() + "\n", true},
		"before a reboot": {boot.String() + "\n", j.Self.PIDNS == initPIDNS}, "living": {parent.String() + "\n", false},
	} {
		write(t, s, c.text)
		err := claim(s, j, time.Second)
		if c.free != (err == nil) || err != nil && !errors.Is(err, ErrClaimed) {
			t.Errorf("%s: %v", name, err)
		}
		if data, _ := os.ReadFile(filepath.Join(s.path, ClaimName)); (string(data) == j.Self.String()+"\n") != c.free {
			t.Errorf("%s: the file has %q", name, data)
		}
	}
}

// TestClaimHeedsOthers: a folder of a living owner, and what the caller knows, stand in the way too.
func TestClaimHeedsOthers(t *testing.T) {
	s, j := claimStore(t)
	refusal := errors.New("somebody")
	if err := s.Claim(j, Terms{Patience: time.Second}, func() error { return refusal }, unkept); !errors.Is(err, refusal) {
		t.Errorf("%v, want %v", err, refusal)
	}
	parent, err := j.Self.Peer(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(s.path, parent.String())
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := claim(s, j, time.Second); !errors.Is(err, ErrClaimed) || !strings.Contains(err.Error(), folder) {
		t.Errorf("beside a living owner's folder: %v", err)
	}
	if err := s.Claim(j, Terms{Patience: time.Second}, nobody, unkept); err != nil {
		t.Errorf("beside a living owner's folder, which does not matter: %v", err)
	}
	parent.Start++
	if err := os.Rename(folder, filepath.Join(s.path, parent.String())); err != nil {
		t.Fatal(err)
	}
	if err := claim(s, j, time.Second); err != nil {
		t.Errorf("beside a dead owner's folder: %v", err)
	}
}

// TestClaimOfAnUnknownOwner: one of another PID namespace stands in the way unless the caller has locked the other's
// locks, or no job lasts that long.
func TestClaimOfAnUnknownOwner(t *testing.T) {
	s, j := claimStore(t)
	j.Self.PIDNS++ // neither the machine's first nor the other's
	other := j.Self
	other.PIDNS++
	path := filepath.Join(s.path, ClaimName)
	for name, c := range map[string]struct {
		newline string
		locked  bool
		age     time.Duration
		free    bool
	}{
		"it keeps a lock, which is free":      {"", true, 0, true},
		"it keeps a lock, if it lives":        {"", false, 0, false},
		"it keeps none, so none tells":        {"\n", true, 0, false},
		"it keeps none":                       {"\n", false, 0, false},
		"nearly five days":                    {"\n", true, longestJob - time.Hour, false},
		"more than five days, keeps none":     {"\n", false, longestJob + time.Hour, true},
		"more than five days, kept a lock":    {"", false, longestJob + time.Hour, true},
		"in the future, by a clock set wrong": {"\n", false, -time.Hour, false},
	} {
		write(t, s, other.String()+c.newline)
		when := time.Now().Add(-c.age)
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		holder := s.Holder(j)
		err := s.Claim(j, Terms{Patience: time.Second, Locked: c.locked}, nobody, unkept)
		if c.free != (err == nil) || err != nil && !errors.Is(err, ErrClaimed) {
			t.Errorf("%s: %v", name, err)
		}
		if !c.locked && c.free != (holder == nil) {
			t.Errorf("%s: asked without claiming: %v", name, holder)
		}
	}
}

// TestClaimIsKept: the file tells a claim that comes with a lock from one that does not, and versions that know no such
// locks read both.
func TestClaimIsKept(t *testing.T) {
	s, j := claimStore(t)
	for _, kept := range []bool{true, false} {
		if err := s.Claim(j, Terms{Patience: time.Second}, nobody, func() (bool, error) { return kept, nil }); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(s.path, ClaimName))
		if o, is, ok := parseClaim(string(data)); err != nil || !ok || is != kept || o != j.Self || strings.TrimSuffix(string(data), "\n") != j.Self.String() {
			t.Errorf("kept %v: %q, %v", kept, data, err)
		}
	}
}

// TestClaimGivenUp: who can leave nobody to keep what is locked has no claim.
func TestClaimGivenUp(t *testing.T) {
	s, j := claimStore(t)
	refusal := errors.New("no keeper")
	if err := s.Claim(j, Terms{Patience: time.Second}, nobody, func() (bool, error) { return false, refusal }); !errors.Is(err, refusal) {
		t.Fatal(err)
	}
	if o, ok := s.Claimant(j); ok {
		t.Errorf("%v has the claim", o)
	}
}

// TestClaimLock: no two are between reading and writing at the same time. Who cannot get the lock gives up, and lets go
// of it if it comes late.
func TestClaimLock(t *testing.T) {
	s, j := claimStore(t)
	var inside, most atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				err := s.Claim(j, Terms{Patience: testkit.Patience}, func() error {
					most.Store(max(most.Load(), inside.Add(1)))
					inside.Add(-1)
					return nil
				}, unkept)
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if most.Load() != 1 {
		t.Errorf("%d at a time", most.Load())
	}
	f, err := s.openClaim()
	if err != nil {
		t.Fatal(err)
	}
	if err := flock.Lock(f, unix.LOCK_EX, 0); err != nil {
		t.Fatal(err)
	}
	if err := claim(s, j, 20*time.Millisecond); !errors.Is(err, ErrClaimed) {
		t.Errorf("locked: %v", err)
	}
	f.Close()
	if err := claim(s, j, testkit.Patience); err != nil {
		t.Errorf("free again: %v", err)
	}
}

// TestClaimRefusesOtherFiles: nothing but a regular file with one name is written to.
func TestClaimRefusesOtherFiles(t *testing.T) {
	s, j := claimStore(t)
	path := filepath.Join(s.path, ClaimName)
	target := filepath.Join(t.TempDir(), "target")
	if err := os.WriteFile(target, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func() error{
		"link": func() error { return os.Symlink(target, path) }, "second name": func() error { return os.Link(target, path) },
		"FIFO": func() error { return unix.Mkfifo(path, 0o600) }, "folder": func() error { return os.Mkdir(path, 0o700) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if err := claim(s, j, time.Second); err == nil {
			t.Errorf("%s: claimed", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if data, _ := os.ReadFile(target); string(data) != "untouched" {
		t.Errorf("the other file has %q", data)
	}
}
