package survey

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Starter is who starts a runner's Workers, and with which settings.
type Starter struct {
	User string
	UID  int // -1 if this machine knows no such user
	// Led is why nothing may be started as the owner of the runner's folder, which is all that tells the user: somebody
	// leads there who could not go there. Only root is told.
	Led    error
	Env    []string     // see [Runner]
	EnvErr error        // why a file of settings cannot be read, so that no Worker starts
	Unit   systemd.Unit // the unit that starts it, "" for its name if none does; see [of]

	Listener *Process // nil if none runs
}

// Inside returns a path by the looked-at machine's names.
func (s System) Inside(path string) string {
	return strings.TrimPrefix(path, strings.TrimSuffix(s.path("/"), "/"))
}

// Starter gathers it of one runner: the user of its Listener, if that is in the unit or the unit names none; else the
// unit's; else the owner of its folder. Unlike [System.Runner] it takes no unit for the runner's because .service names
// it: that file is the runner's user's, and could name the service of another user.
func (s System) Starter(l runner.Layout) Starter {
	w := Starter{Listener: s.listener(s.Inside(l.Root))}
	w.Unit = s.systemd().Named(s.service(l, w.Listener, true))
	variables, err := s.variables(l, w.Listener, &w.Unit)
	w.Env, w.EnvErr = asEnv(variables), err
	switch {
	case w.Listener != nil && (w.Unit.User == "" || w.Listener.Service == w.Unit.Name):
		w.User, w.UID = users.Name(w.Listener.UID), w.Listener.UID
	case w.Unit.User != "":
		w.User, w.UID = user(w.Unit.User)
	default:
		w.UID, w.Led = ownerOfRoot(l)
		w.User = users.Name(w.UID)
	}
	if w.Listener != nil && w.Listener.UID != w.UID { // anybody can call a process so
		w.Listener = nil
	}
	w.Unit = of(w.UID, w.Unit)
	return w
}

// ownerOfRoot returns the owner of a runner's folder; to root it is an error if somebody leads there who could not go
// there.
func ownerOfRoot(l runner.Layout) (int, error) {
	if os.Geteuid() != 0 {
		return FolderAt(l.Root).UID, nil
	}
	dir, err := untrusted.Dir(l.Root)
	if err != nil {
		return -1, err
	}
	defer dir.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return -1, os.NewSyscallError("fstat", err)
	}
	return int(st.Uid), nil
}
