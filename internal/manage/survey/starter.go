package survey

import (
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
)

// Starter is who starts a runner's Workers, and with which settings.
type Starter struct {
	User string
	UID  int // -1 if this machine knows no such user
	// ByOwner is true if nothing else tells the user than who owns the runner's folder, which its path led to just then.
	ByOwner bool
	Env     []string // see [Runner]
	EnvErr  error    // why a file of settings cannot be read, so that no Worker starts
}

// Inside returns a path by the looked-at machine's names.
func (s System) Inside(path string) string {
	return strings.TrimPrefix(path, strings.TrimSuffix(s.path("/"), "/"))
}

// Starter gathers that of one runner: the user of the unit that starts it, else of its Listener, else the owner of its
// folder. Unlike [System.Runner] it takes no unit for the runner's because .service names it: that file is the
// runner's user's, and could name the service of another user.
func (s System) Starter(l runner.Layout) Starter {
	w := Starter{UID: FolderAt(l.Root).UID, ByOwner: true}
	inside := s.Inside(l.Root)
	var listener *Process
	if p, ok := s.Listener(inside); ok {
		w.UID, w.ByOwner, listener = p.UID, false, &p
	}
	variables, err := s.variables(l, listener)
	w.Env, w.EnvErr = asEnv(variables), err
	w.User = UserName(w.UID)
	name, unitUser := discover.Service(s.Root, l.Root)
	if u := s.Unit(inside); u.Name == name && u.User != "" { // with its drop-ins
		unitUser = u.User
	}
	if name == "" || unitUser == "" {
		return w
	}
	w.User, w.UID, w.ByOwner = unitUser, -1, false
	if uid, ok := UserID(unitUser); ok {
		w.UID = uid
	}
	return w
}
