package survey

import (
	"path/filepath"
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
	Env     []string // what <root>/.env sets, and the Listener's DOCKER_HOST
}

// Starter gathers that of one runner: the user of the unit that starts it, else of its Listener, else the owner of its
// folder. Unlike [System.Runner] it takes no unit for the runner's because .service names it: that file is the
// runner's user's, and could name the service of another user.
func (s System) Starter(l runner.Layout) Starter {
	w := Starter{UID: FolderAt(l.Root).UID, ByOwner: true, Env: env(System{}.read(filepath.Join(l.Root, ".env")))}
	inside := strings.TrimPrefix(l.Root, strings.TrimSuffix(s.path("/"), "/")) // by the looked-at machine's paths
	if p, ok := s.Listener(inside); ok {
		w.UID, w.ByOwner = p.UID, false
		if host := variable(p.Docker, "DOCKER_HOST"); host != "" && variable(w.Env, "DOCKER_HOST") == "" {
			w.Env = append(w.Env, "DOCKER_HOST="+host)
		}
	}
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
