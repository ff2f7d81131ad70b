package entry

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestImmutable: what nobody may change is named, with what mends that, and all is as it was.
func TestImmutable(t *testing.T) {
	testkit.RequireRoot(t)
	bin := scratch.Runner(t, testkit.Dir(t), "r", "", scratch.OwnWorker).Bin()
	before := scratch.Tree(t, bin)
	const immutable = 0x10 // FS_IMMUTABLE_FL, linux/fs.h
	for _, path := range []string{scratch.WorkerIn(bin), bin} {
		f, err := os.Open(path)
		must(t, err)
		defer f.Close()
		err = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, immutable)
		if errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("no file can be immutable here")
		}
		must(t, err)
		err = changeIn(bin, func(b Bin) ([]Step, error) { return wrap(b, "/place") }, func(s Step) { t.Errorf("done: %s", s.What) })
		must(t, unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0))
		if !errors.As(err, new(*FixedError)) || !strings.Contains(err.Error(), "chattr -ia "+path+",") {
			t.Errorf("%s: %v", path, err)
		}
		scratch.Same(t, path, scratch.Tree(t, bin), before)
	}
}
