package checks

import (
	"fmt"
	"os"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/confine"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/start/blame"
)

// privilege says where the right to mount comes from, and what takes it away.
func privilege(r *judged, m survey.Machine) []Result {
	b := r.Shim
	if b.Path == "" {
		return nil // no shim: said elsewhere
	}
	obstacles := r.obstacles(m)
	taken := slices.Concat(takenByService(r, m, obstacles), takenByListener(r, m, obstacles))
	if r.set.userns && r.UID != 0 {
		return slices.Concat(userns(r, m), barred(r), taken)
	}
	var out []Result
	out = append(out, source(r, b, m))
	if r.UID != 0 {
		out = append(out, barred(r)...)
		out = append(out, takenByFile(r)...)
	}
	out = append(out, taken...)
	if m.Container != "" && m.Self.NoNewPrivs && r.UID != 0 && r.Listener == nil { // else that tells
		out = append(out, Result{
			Check: "no_new_privs", Level: Fail, What: "this container (" + m.Container + ") sets no_new_privs",
			Why: "the file capability of worker-wrap counts for nothing", Mend: "run it " + blame.WithoutNoNewPrivs,
		})
	}
	out = append(out, trusted(b, r.Command)...)
	if len(out) == 1 || Worst(out) == OK {
		return out
	}
	if out[0].Level == OK { // it comes from somewhere, and is taken away again
		return out[1:]
	}
	return out
}

func source(r *judged, b program.Binary, m survey.Machine) Result {
	switch {
	case b.SysAdmin && b.AllOrNothing: // root too cannot run it then
		return Result{
			Check: "privilege", Level: Warn, What: b.Path + " has the file capability cap_sys_admin+ep, which an older worker-wrap gave it",
			Why:  "if CAP_SYS_ADMIN cannot be had, the kernel refuses to run it at all: jobs hang without a message, and WORKER_WRAP_FALLBACK does nothing",
			Mend: "sudo " + r.do("install"),
		}
	case r.UID == 0:
		return Result{Check: "privilege", Level: OK, What: "the runner runs as root"}
	case b.SysAdmin:
		return Result{Check: "privilege", Level: OK, What: "the file capability cap_sys_admin of " + b.Path}
	}
	return Result{
		Check: "privilege", Level: Fail, What: fmt.Sprintf("%s has no file capability, and %s is not root", b.Path, r.User),
		Why:  "a Worker may not mount" + userNamespaces(m),
		Mend: "sudo setcap " + program.FileCapability + " " + visible.Word(b.Path),
	}
}

// userNamespaces says whether the way without any privilege is open.
func userNamespaces(m survey.Machine) string {
	switch {
	case m.AppArmorUserNS == 1:
		return "; AppArmor restricts unprivileged user namespaces here, so these do not help (kernel.apparmor_restrict_unprivileged_userns)"
	case m.MaxUserNS == 0:
		return "; user namespaces are off here, so these do not help (user.max_user_namespaces)"
	case m.UserNSClone == 0:
		return "; unprivileged user namespaces are off here, so these do not help (kernel.unprivileged_userns_clone)"
	}
	return ""
}

// userns judges WORKER_WRAP_USERNS, which needs no privilege but a kernel that lets everybody make user
// namespaces.
func userns(r *judged, m survey.Machine) []Result {
	res := Result{
		Check: "privilege", Level: Fail, Why: "WORKER_WRAP_USERNS asks for a user namespace for each Worker, and none can be made",
	}
	file := " && take WORKER_WRAP_USERNS out of " + visible.Word(r.Layout.Root+"/.env")
	install := "sudo " + r.do("install") + file
	switch {
	case m.MaxUserNS == 0:
		res.What, res.Mend = "this machine allows no user namespaces", "sudo sysctl -w user.max_user_namespaces=65536 # or use the file capability: "+install
	case m.UserNSClone == 0:
		res.What, res.Mend = "only root may make user namespaces here", "sudo sysctl -w kernel.unprivileged_userns_clone=1 # or use the file capability: "+install
	case m.AppArmorUserNS == 1:
		res.What, res.Mend = "AppArmor lets only programs with a profile make user namespaces", install
	default:
		return []Result{{Check: "privilege", Level: OK, What: "none needed: each Worker gets a user namespace (WORKER_WRAP_USERNS)"}}
	}
	return []Result{res}
}

// barred says that the runner's user cannot get at the binary. A link that one cannot follow is as good as one that
// leads nowhere.
func barred(r *judged) []Result {
	if r.Barred == "" || r.Barred == r.Shim.Path && r.Shim.UID == 0 { // the binary's own mode: see takenByFile
		return nil
	}
	return []Result{{
		Check: "binary", Level: Fail, What: fmt.Sprintf("%s cannot run %s: the mode of %s does not let them", r.User, r.Shim.Path, r.Barred),
		Why: "no job can start", Mend: "sudo chmod a+x " + visible.Word(r.Barred) + " # or install it elsewhere: sudo " + r.do("install"),
	}}
}

// takenByFile looks at the binary and the file system it is on.
func takenByFile(r *judged) []Result {
	var out []Result
	b := r.Shim
	if b.UID == 0 && b.Mode&0o001 == 0 {
		out = append(out, Result{
			Check: "binary", Level: Fail, What: fmt.Sprintf("%s has mode %04o, which lets only root run it", b.Path, b.Mode),
			Why: "no Worker can be started through it", Mend: "sudo " + r.do("install"),
		})
	}
	if b.Nosuid {
		out = append(out, Result{
			Check: "nosuid", Level: Fail, What: b.Path + " is on a file system that is mounted nosuid",
			Why: "its file capability counts for nothing there", Mend: "sudo mount -o remount,suid \"$(findmnt -no TARGET --target " + visible.Word(b.Path) + ")\" # or install it elsewhere",
		})
	}
	if b.Noexec {
		out = append(out, Result{
			Check: "noexec", Level: Fail, What: b.Path + " is on a file system that is mounted noexec",
			Why: "no Worker can be started through it", Mend: "sudo mount -o remount,exec \"$(findmnt -no TARGET --target " + visible.Word(b.Path) + ")\" # or install it elsewhere",
		})
	}
	return out
}

// OfListener judges what the Listener of a runner hands on to its Workers, if one runs. It is for an install: a start that
// is tried beside the Listener inherits nothing of it.
func OfListener(l runner.Layout, who *survey.Starter) []Result {
	of := &Runner{Runner: survey.Runner{
		Layout: l, User: who.User, UID: who.UID, Unit: who.Unit, Listener: who.Listener, Variables: survey.Assigned("", who.Env...),
	}}
	self, _ := survey.System{}.Process(os.Getpid())
	return takenByListener(&judged{of, choices(of)}, survey.Machine{Self: self}, nil)
}

// takenByListener looks at the Listener that runs: its Workers inherit all of this.
func takenByListener(r *judged, m survey.Machine, obstacles []confine.Obstacle) []Result {
	l := r.Listener
	if l == nil {
		return nil
	}
	restart := "restart the runner, when no job runs"
	if r.Unit.Name != "" {
		restart = "sudo systemctl restart " + visible.Word(r.Unit.Name)
	}
	var out []Result
	add := func(check string, level Level, what, why, mend string) {
		if r.set.userns && (check == "no_new_privs" || check == "bounding set" || check == "ambient") {
			return // these concern file capabilities only
		}
		out = append(out, Result{Check: check, Level: level, What: fmt.Sprintf("the Listener (PID %d) %s", l.PID, what), Why: why, Mend: mend})
	}
	blamed := func(check string) bool {
		return slices.ContainsFunc(obstacles, func(o confine.Obstacle) bool { return o.Check == check })
	}
	if l.NoNewPrivs && r.UID != 0 && !blamed("no_new_privs") && l.CapAmb&program.SysAdmin == 0 {
		add("no_new_privs", Fail, "runs with no_new_privs", "the file capability of worker-wrap counts for nothing",
			"start the runner without it (NoNewPrivileges=, setpriv, a container's no-new-privileges); if that is mended already: "+restart)
	}
	if l.CapBnd&program.SysAdmin == 0 && m.Self.CapBnd&program.SysAdmin != 0 && !confine.BoundsSysAdmin(&r.Unit) {
		add("bounding set", Fail, "runs without CAP_SYS_ADMIN in its bounding set", "no Worker can get the capability",
			"start the runner with it (CapabilityBoundingSet=CAP_SYS_ADMIN in a unit); if that is mended already: "+restart)
	}
	if l.UserNS != 0 && m.Self.UserNS != 0 && l.UserNS != m.Self.UserNS {
		add("user namespace", Warn, "is in another user namespace than this doctor", "privileges there may differ from those that it sees",
			fmt.Sprintf("sudo nsenter -t %d -a worker-wrap doctor", l.PID))
	}
	if l.Seccomp == 2 && m.Self.Seccomp != 2 && !confine.Filtered(&r.Unit) { // the unit's filter is judged by its words
		add("seccomp", Warn, "runs under a seccomp filter", "it may refuse unshare, mount or move_mount to the Workers",
			"start a Worker, and see its job's log; if it is refused, allow @mount in the filter (SystemCallFilter=); if that is mended already: "+restart)
	}
	if l.Confined() && l.AppArmor != m.Self.AppArmor { // else a trial tells
		add("apparmor", Warn, "is confined by the AppArmor profile "+l.AppArmor, "it may refuse mounts to the Workers",
			"add to the profile: capability sys_admin, mount, umount,")
	}
	if more := l.CapAmb &^ program.SysAdmin; more != 0 && r.UID != 0 {
		without := []string{"AmbientCapabilities="}
		if more != l.CapAmb { // which is what isolates under no_new_privs
			without = append(without, "AmbientCapabilities=CAP_SYS_ADMIN")
		}
		mend := "start the runner without them (setpriv, AmbientCapabilities= in a unit); if that is mended already: " + restart
		if r.Unit.Last("AmbientCapabilities") != "" {
			mend = confine.Mend(&r.Unit, append(slices.Clone(obstacles), confine.Obstacle{Mend: without}))
		}
		add("ambient", Warn, fmt.Sprintf("has ambient capabilities (%#x)", more),
			"its Workers do not keep them: executing a file with capabilities, as worker-wrap is, clears the ambient set (capabilities(7)); "+
				"jobs need another way to such rights (sudo)", mend)
	}
	return out
}

// trusted looks at who could change the binary that has the privilege.
func trusted(b program.Binary, c program.Command) []Result {
	var out []Result
	if b.SetID {
		out = append(out, Result{
			Check: "binary", Level: Fail, What: b.Path + " is set-user-ID or set-group-ID",
			Why: "worker-wrap refuses to run like that, as the Worker would inherit it", Mend: "sudo chmod ug-s " + visible.Word(b.Path),
		})
	}
	if b.WritableBy != "" && b.SysAdmin {
		out = append(out, Result{
			Check: "binary", Level: Warn, What: b.WritableBy + " can be changed by others than root",
			Why:  "who can rename or replace the file that has the capability can take it away from every runner",
			Mend: "install it in a place of root's: sudo " + c.Do("install --all"),
		})
	}
	return out
}
