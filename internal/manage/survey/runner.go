package survey

import (
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/record"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Runner is one runner and what its jobs would find.
type Runner struct {
	Layout               runner.Layout
	User                 string // who runs it: by its Listener, its unit, or the owner of its folder
	UID                  int    // -1 if User is not known here
	Version, VersionFrom string
	Unit                 systemd.Unit
	Listener             *Process         // nil if none runs
	Workers              []int            // PIDs of those alive, wrapped or not
	Keeper               string           // what puts the shim back after a self-update, "" if nothing does
	PathUnit             systemd.PathUnit // which may be one of these
	NoUpdates            bool             // the runner was configured with --disableupdate
	Work, Temp           Folder
	Leftovers            Leftovers
	Closed               string // where the runner's user is to make private folders, or their store, and may not
	Unmade               error  // why that user cannot make the work folder, which is missing; see [Unmade]
	Variables            []Variable
	Hooks                []string // scripts of the runner's user that seem to remove _temp itself
	SettingsErr          error    // why a file of settings cannot be read, so that no Worker starts
	Docker               Docker
	Pauses               []PauseView   // of the runner's user
	Last                 *record.Start // the last start on record
	Empty                []string      // files without which no job starts, and which have 0 bytes
}

// PauseView is a pause process and which _temp it sees.
type PauseView struct {
	Pause
	Sees string // see [System.Sees]
}

// Runner gathers the facts of one runner.
func (s System) Runner(layout runner.Layout) Runner {
	r := Runner{Layout: layout, Listener: s.listener(layout.Root), PathUnit: s.systemd().PathUnit(layout.Root)}
	r.Unit = s.systemd().Named(s.service(layout, r.Listener, false))
	r.Workers = s.Workers(layout.Root)
	r.Version, r.VersionFrom = runner.VersionOf(layout.Root)
	r.Keeper, r.NoUpdates = s.keeper(layout, r.Unit, r.PathUnit, r.Listener != nil), runner.NoUpdates(layout.Root)
	r.Work, r.Temp = FolderAt(layout.Work), FolderAt(layout.Temp)
	r.Leftovers = LeftoversAt(layout)
	r.Variables, r.SettingsErr = s.variables(layout, r.Listener, &r.Unit)
	r.Hooks = hooks(r.Variables)
	r.User, r.UID = owner(&r)
	r.Unit = of(r.UID, r.Unit)
	if r.SettingsErr == nil {
		r.SettingsErr = s.hidden(layout, r.UID)
	}
	if store := &r.Leftovers.Store; !store.Exists && filepath.Dir(store.Path) == layout.Root && users.ClosedTo(layout.Root, r.UID) {
		*store = FolderAt(perpid.Path(layout.Temp)) // as perpid.Home has it for the Workers' user
	}
	store := r.Leftovers.Store
	if !store.Exists {
		store = FolderAt(filepath.Dir(store.Path))
	}
	if users.ClosedTo(store.Path, r.UID) {
		r.Closed = store.Path
	}
	r.Unmade = Unmade(layout, r.UID, &r.Unit)
	r.Docker = s.docker(&r)
	for _, p := range s.pauses() {
		if p.UID == r.UID {
			r.Pauses = append(r.Pauses, PauseView{p, s.Sees(p, layout.Root, layout.Temp)})
		}
	}
	r.Last = record.Last(layout.Diag())
	r.Empty = Empty(layout)
	return r
}

// Empty looks for what an update that was cut short, or a full disk, leaves of a runner's files: those without which no
// job starts, and which have 0 bytes.
func Empty(l runner.Layout) []string {
	var out []string
	for _, name := range []string{
		"run.sh", "run-helper.sh", "runsvc.sh", "bin/runsvc.sh", "bin/Runner.Listener", "bin/Runner.Listener.dll",
		"bin/" + runner.WorkerName, "bin/" + runner.WorkerName + ".dll", "bin/" + runner.KeptWorkerName, "bin/" + runner.RealWorkerName,
	} {
		path := filepath.Join(l.Root, name)
		if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Size() == 0 {
			out = append(out, path)
		}
	}
	return out
}

// owner says whose processes the runner's Workers are.
func owner(r *Runner) (name string, uid int) {
	if r.Listener != nil {
		return users.Name(r.Listener.UID), r.Listener.UID
	}
	if r.Unit.User != "" {
		return user(r.Unit.User)
	}
	uid = FolderAt(r.Layout.Root).UID
	return users.Name(uid), uid
}

// user is who the User= of a unit names, by name or number; the uid is -1 if that is not known here.
func user(said string) (name string, uid int) {
	uid, ok := users.ID(said)
	if !ok {
		return said, -1
	}
	return users.Name(uid), uid
}
