package dockersocket

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// User is one whose rights to a socket are asked for.
type User struct {
	UID, GID int
	Groups   []int // supplementary
}

// Found is what a start would find.
type Found struct {
	Path    string // the socket, "" if there is none
	Missing string // why there is none
	Refused string // why the start would leave that socket as it is, "" if it would lay the proxy's over it
}

// Look says what a start by this user in this environment would find. Only root can ask for another user.
func Look(env []string, u User) (f Found, err error) {
	err = as(u, func() error {
		if f.Path, f.Missing = Find(env, u.UID); f.Path == "" {
			return nil
		}
		place, err := Open(f.Path, u.UID)
		if refused := (*Refused)(nil); errors.As(err, &refused) {
			f.Refused = refused.Error()
			return nil
		}
		if err != nil {
			return err
		}
		return place.Close()
	})
	return f, err
}

// as calls do with the user's rights to files, in a thread of its own that ends with that.
func as(u User, do func() error) error {
	switch euid := os.Geteuid(); {
	case euid == u.UID:
		return do()
	case euid != 0 || u.UID < 0:
		return fmt.Errorf("only root can tell what uid %d may do", u.UID)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- func() error {
			// Without root's fsuid the thread has none of root's rights to files either (capabilities(7)).
			if err := errors.Join(unix.Setgroups(u.Groups), unix.Setfsgid(u.GID), unix.Setfsuid(u.UID)); err != nil {
				return os.NewSyscallError("setfsuid", err)
			}
			if is, err := unix.SetfsuidRetUid(-1); err != nil || is != u.UID {
				return fmt.Errorf("cannot act as uid %d (%v)", u.UID, err)
			}
			return do()
		}()
	}()
	return <-done
}
