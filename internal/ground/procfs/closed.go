package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Mend says what lets root look into the processes of others where the kernel does not.
const Mend = "that takes CAP_SYS_PTRACE, which this container may lack: run it with --cap-add SYS_PTRACE, or look from the host"

// Advised adds what to do to the error of root's who may not look into a process.
func Advised(err error) error {
	if !errors.Is(err, fs.ErrPermission) || os.Geteuid() != 0 {
		return err
	}
	return fmt.Errorf("%w; %s", err, Mend)
}
