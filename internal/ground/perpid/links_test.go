package perpid

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestSweepLeavesWhereLinksLead: what a dead Worker left as links is deleted, and not what they lead to.
func TestSweepLeavesWhereLinksLead(t *testing.T) {
	s, j := claimStore(t)
	victim := filepath.Join(t.TempDir(), "victim")
	dead := j.Self
	dead.PID, dead.Start = 1<<22+1, 1
	left := filepath.Join(s.path, dead.String())
	if err := errors.Join(
		os.MkdirAll(victim+"/kept", 0o755), os.MkdirAll(left+"/d", 0o755), os.Symlink(victim, left+"/absolute"), os.Symlink("../absolute", left+"/d/relative"),
		os.Symlink(victim, s.path+"/"+dead.folder(2)),
	); err != nil {
		t.Fatal(err)
	}
	swept, err := s.Sweep(j, Sweep{Again: true, Parallel: 4})
	if err != nil || swept.Err != nil {
		t.Errorf("%+v, %v", swept, err)
	}
	if names, err := os.ReadDir(s.path); err != nil || len(names) != 0 {
		t.Errorf("left are %v (%v)", names, err)
	}
	if _, err := os.Stat(victim + "/kept"); err != nil {
		t.Error(err)
	}
}
