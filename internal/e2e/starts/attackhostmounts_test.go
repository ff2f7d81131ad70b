package starts_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestStartsWhileRootMounts: root mounts and unmounts a tmpfs of the user's and /etc over _temp, the store and bin.
// That is in the mount namespace that starts come from, and reaches each start's. A start is isolated, or refused in
// one line, and nothing of it reaches the host.
func TestStartsWhileRootMounts(t *testing.T) {
	testkit.RequireRoot(t)
	base := testkit.Dir(t)
	sharedTmpfs(t, base)
	s := ordinaryIn(t, base, capable(t))
	do(t, os.Mkdir(s.store, 0o711), os.Chown(s.store, user, user))
	before := hostMounts(t)
	const leastRan, leastRefused, leastMounts = 15, 5, 100
	var mu sync.Mutex
	ran, refused, mounted := 0, 0, 0
	begin := time.Now()
	goesOn := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return !t.Failed() && (ran < leastRan || refused < leastRefused || mounted < leastMounts) && time.Since(begin) < testkit.Patience
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for goesOn() {
				c := command([]string{"DOCKER=off"}, s.worker, "-c", program(s.temp)+"; "+innocent)
				if err := c.Start(); err != nil { // bin is covered
					continue
				}
				code := c.end(t)
				out, started := strings.CutPrefix(c.out.String(), "started\n")
				mu.Lock()
				switch {
				case started && code == 0 && c.err.String() == "":
					ran++
				case !started && out == "" && code >= 125 && code <= 127:
					refused++
					oneLine(t, c.err.String())
				default:
					t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
				}
				mu.Unlock()
				if started {
					harmless(t, out)
				}
			}
		})
	}
	over := []string{s.temp, s.store, filepath.Dir(s.worker)}
	for n := 0; goesOn(); n++ {
		path := over[n/2%len(over)]
		if n%2 == 0 {
			do(t, unix.Mount("attack", path, "tmpfs", 0, "mode=755,uid="+itoa(user)+",gid="+itoa(user)))
		} else {
			do(t, unix.Mount("/etc", path, "", unix.MS_BIND, ""))
		}
		time.Sleep(time.Duration(n%4) * time.Millisecond)
		err := unix.Unmount(path, 0)
		for errors.Is(err, unix.EBUSY) { // a start looks into it
			err = unix.Unmount(path, unix.MNT_DETACH)
		}
		do(t, err)
		sameMounts(t, before)
		time.Sleep(time.Duration(n%8) * time.Millisecond) // for those that get through
		mu.Lock()
		mounted++
		mu.Unlock()
	}
	wg.Wait()
	t.Logf("%d mounts, %d starts ran and %d were refused", mounted, ran, refused)
	if ran < leastRan || refused < leastRefused {
		t.Error("too little happened to show anything")
	}
	if isOnHost(s.temp) {
		t.Error("a job was in the host's _temp")
	}
}
