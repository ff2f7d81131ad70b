package perpid

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestDissolve: a store goes with all that the dead left, but not while an owner lives, whoever came when.
func TestDissolve(t *testing.T) {
	s, j := claimStore(t)
	leftover(t, s, j, 0)
	mine := filepath.Join(s.path, j.Self.String())
	write(t, s, "a claim")
	for _, err := range []error{os.Mkdir(mine, 0o755), os.WriteFile(mine+"/file", nil, 0o600), os.WriteFile(s.path+"/else", nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if staying, err := s.Dissolve(j); staying != 1 || err != nil {
		t.Errorf("%d stay, %v; want 1", staying, err)
	}
	if _, err := os.Stat(mine + "/file"); err != nil {
		t.Error("what a living owner has is gone:", err)
	}
	if _, err := os.Stat(filepath.Join(s.path, deadOwner(j, 0).String())); !errors.Is(err, fs.ErrNotExist) {
		t.Error("what a dead one left is there:", err)
	}
	if err := os.RemoveAll(mine); err != nil {
		t.Fatal(err)
	}
	leftover(t, s, j, 1)
	if staying, err := s.Dissolve(j); staying != 0 || err != nil {
		t.Errorf("%d stay, %v; want none", staying, err)
	}
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the store is there:", err)
	}
	if staying, err := s.Dissolve(j); staying != 0 || err != nil {
		t.Errorf("where none is, %d stay, %v", staying, err)
	}
	if swept, err := s.Sweep(j, Sweep{}); len(swept.Deleted)+len(swept.Kept) > 0 || err != nil { // as one that comes late
		t.Errorf("where none is, a sweep did %+v, %v", swept, err)
	}
}
