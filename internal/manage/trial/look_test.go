package trial

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestLook: what a program says of itself is held against what is there.
func TestLook(t *testing.T) {
	temp, shared, own := testkit.Dir(t), testkit.Dir(t), testkit.Dir(t)
	mark := func() {
		if err := errors.Join(os.WriteFile(filepath.Join(shared, "m"), []byte("inside"), 0o600), os.WriteFile(filepath.Join(own, "m"), []byte("inside"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	self, above := os.Getpid(), os.Getppid()
	testkit.RequireRoot(t) // an ordinary user's test may have a capability
	var p Places
	for _, test := range []struct {
		name, temp, said string
		chosen           policy.Settings
		want             string // "" if all is well
	}{
		{"well", temp, fmt.Sprintf("%d %d %s", self, above, own), policy.Settings{}, ""},
		{"hides nothing", shared, fmt.Sprintf("%d %d %s", self, above, shared), policy.Settings{}, "the host's _temp shows"},
		{"another PID", temp, fmt.Sprintf("%d %d %s", above, self, own), policy.Settings{}, "not " + fmt.Sprint(self)},
		{"a child, in a user namespace", temp, fmt.Sprintf("%d %d %s", self, self, own), policy.Settings{Userns: true}, ""},
		{"nowhere", temp, fmt.Sprintf("%d %d %s", self, above, temp), policy.Settings{}, "is not in its private folder"},
		{"in memory", temp, fmt.Sprintf("%d %d %s", self, above, temp), policy.Settings{Backing: policy.Tmpfs}, ""},
		{"without the variable", temp, fmt.Sprintf("%d %d ", self, above), policy.Settings{}, "WORKER_WRAP_HOST_TEMP is not set"},
	} {
		mark()
		err := p.look(self, test.said, test.temp, "m", test.chosen)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	mark()
	if err := (Places{UID: 61234}).look(self, fmt.Sprintf("%d %d %s", self, above, own), temp, "m", policy.Settings{}); err == nil || !strings.Contains(err.Error(), "and not as 61234") {
		t.Errorf("as another user: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(own, "m")); err == nil {
		t.Error("what has been looked at is left to the program to remove")
	}
}
