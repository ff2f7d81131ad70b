package entry

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// Unnamed are what follows Runner.Worker.worker-wrap. in the names of links that an install is to make. Another tool's
// wrapper may find what it starts by its own name ("$0.real"). That is the Worker's if a start makes mounts, else the one
// by which it is kept.
func (b Bin) Unnamed() []string {
	return slices.DeleteFunc(b.aliases(), func(suffix string) bool { return slices.Contains(b.Aliases, suffix) })
}

// aliases are all of these, made or not. What is moved will be the runner's own Worker, see [planner.giveBack].
func (b Bin) aliases() []string {
	kind := b.Kind()
	if b.keptIsHost() || kind == Behind {
		return nil
	}
	all := slices.DeleteFunc(slices.Clone(b.Beside), func(suffix string) bool {
		real := runner.WorkerName+"."+suffix == runner.RealWorkerName
		return real && (kind != Covered && b.realIsOurs() || ours(b.Worker) && b.Kept != Own)
	})
	for _, m := range b.Moved {
		if suffix, like := strings.CutPrefix(m.Name, runner.WorkerName+"."); like {
			all = append(all, suffix)
		}
	}
	return all
}

// alias plans the links that are missing.
func (p *planner) alias() {
	for _, suffix := range p.Unnamed() {
		to, name := runner.WorkerName+"."+suffix, runner.KeptWorkerName+"."+suffix
		p.add("make "+name+", by which another tool's wrapper may look for "+to, func(r *os.Root) error { return makeAlias(r, to, name) })
	}
}

// unalias plans what removes links.
func (p *planner) unalias(suffixes []string) {
	for _, suffix := range suffixes {
		name := runner.KeptWorkerName + "." + suffix
		p.add("remove "+name, func(r *os.Root) error { return r.Remove(name) })
	}
}

// makeAlias makes a link of the folder's owner's. Nothing is lost if a file system has no links.
func makeAlias(r *os.Root, to, name string) error {
	dir, err := r.Stat(".")
	if err != nil {
		return err
	}
	if err := r.Symlink(to, name); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	} else if err != nil || os.Geteuid() != 0 {
		return err
	}
	uid, gid := disk.Owner(dir)
	return r.Lchown(name, uid, gid)
}

// stale are the links that lead to nothing which an install would have a wrapper find.
func (b Bin) stale() []string {
	wanted := b.aliases()
	return slices.DeleteFunc(slices.Clone(b.Aliases), func(suffix string) bool { return slices.Contains(wanted, suffix) })
}
