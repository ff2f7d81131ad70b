package early_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestKeeperUnderLimits: a user may set limits of its own keepers, and send them what ends a process with a core. The
// locks stay until the Worker ends, and no longer; no core is written; what a limit prevents is done once it is lifted; the
// next Worker is alone.
func TestKeeperUnderLimits(t *testing.T) {
	testkit.RequireRoot(t)
	prlimit := testkit.RequireTool(t, "prlimit", "util-linux")
	const uid = 61236 // other tests look for the keepers of 61234
	limit := func(keeper int, limits ...string) {
		t.Helper()
		set := testkit.AsUser(exec.Command(prlimit, append([]string{"--pid", fmt.Sprint(keeper)}, limits...)...), uid)
		if out, err := set.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for name, limits := range map[string][]string{
		"processes, cores":   {"--nproc=0:", "--core=unlimited:"},
		"memory":             {"--as=4096:", "--data=0:", "--stack=0:"},
		"files, descriptors": {"--fsize=0:", "--nofile=0:", "--memlock=0:", "--sigpending=0:"},
	} {
		t.Run(name, func(t *testing.T) {
			root := rootOf(t, uid)
			temp := root + "/_work/_temp"
			lone, private := startAs(t, uid, root, alone), startAs(t, uid, root, alone)
			own := sees(t, private, root)
			keepers := []int{keeperOf(t, lone.cmd.Process.Pid), keeperOf(t, private.cmd.Process.Pid)}
			for _, keeper := range keepers {
				limit(keeper, limits...)
				for _, signal := range []unix.Signal{unix.SIGSEGV, unix.SIGABRT, unix.SIGQUIT, unix.SIGBUS, unix.SIGSYS, unix.SIGXCPU, unix.SIGXFSZ} {
					if err := unix.Kill(keeper, signal); err != nil {
						t.Errorf("a signal has ended it: %v", err)
					}
				}
			}
			remake(t, temp, uid)
			if beside := startAs(t, uid, root, alone); beside.isAlone(t) {
				t.Error("the locks are gone")
			}
			for _, keeper := range keepers {
				limit(keeper, "--nproc=4096:", "--as=8589934592:", "--data=8589934592:", "--stack=8388608:", "--fsize=1073741824:", "--nofile=1024:")
			}
			testkit.Await(t, "it sees its own", func() bool { return sees(t, private, root).Ino == own.Ino })
			lone.end()
			unlocked(t, root)
			// What is not lifted keeps no keeper from its end.
			next, beside := startAs(t, uid, root, alone), startAs(t, uid, root, alone)
			if !next.isAlone(t) || beside.isAlone(t) {
				t.Error("the next Worker is not alone, or the one beside it is")
			}
			for _, s := range []*started{next, beside} {
				keeper := keeperOf(t, s.cmd.Process.Pid)
				limit(keeper, limits...)
				s.end()
				testkit.Await(t, "its keeper has ended", func() bool { return unix.Kill(keeper, 0) == unix.ESRCH })
			}
			unlocked(t, root)
			for _, dir := range []string{"/", root, root + "/bin", root + "/_work"} {
				if cores, _ := filepath.Glob(dir + "/core*"); len(cores) > 0 {
					t.Errorf("there is %q", cores)
				}
			}
		})
	}
}
