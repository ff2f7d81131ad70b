package disk

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/flock"
)

// patience is how long another worker-wrap may take that works in the same folder.
const patience = 20 * time.Second

// Lock takes an exclusive flock(2), which ends with f. Whoever may read a folder can lock it, so it is not
// waited for without limit.
func Lock(f *os.File) error {
	err := flock.Lock(f, unix.LOCK_EX, patience)
	switch {
	case errors.Is(err, flock.ErrTaken):
		return errors.New("another worker-wrap is at work there; try again")
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.EOPNOTSUPP):
		return nil // a file system without locks
	}
	return err
}
