package checks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// oldest is the oldest kernel that worker-wrap is tested on.
const oldest = "5.10"

// OfMachine judges what all runners share.
func OfMachine(f Facts) []Result {
	var out []Result
	out = append(out, kernel(f.Machine, f.Command)...)
	out = append(out, namespaces(f.Machine)...)
	out = append(out, userNS(f.Machine)...)
	out = append(out, container(f.Machine, f.needCapability())...)
	out = append(out, build(f.Captured)...)
	out = append(out, figures(f.Machine)...)
	if len(f.Runners)+len(f.Broken) == 0 {
		out = append(out, Result{
			Check: "runners", Level: Warn, What: "no runner was found on this machine",
			Why:  "there is nothing to protect, or the runner is not a service and does not run now",
			Mend: f.Command.Do("doctor --runner-root DIR"),
		})
	}
	for _, root := range f.Gone {
		out = append(out, Result{
			Check: "runners", Level: Warn, What: "no runner is in " + root + " any more, which is in the list of runners that have worker-wrap",
			Why:  "systemd looks after it still",
			Mend: "mount it, if it is on a file system that is not mounted; else: sudo " + f.Command.On("uninstall", root),
		})
	}
	return out
}

func kernel(m survey.Machine, c program.Command) []Result {
	if major, minor := release(m.Kernel); major < 5 || major == 5 && minor < 10 {
		return []Result{{
			Check: "kernel", Level: Fail, What: "Linux " + m.Kernel + " is too old",
			Why:  "worker-wrap needs Linux " + oldest + " or newer, and no Worker starts without",
			Mend: "update the kernel, or give the runners their own Worker back: sudo " + c.Do("uninstall --all"),
		}}
	}
	var have, missing []string
	slave := false
	for _, feature := range m.Features {
		if feature.Have {
			have = append(have, feature.Name)
			continue
		}
		missing = append(missing, feature.Name+" (Linux "+feature.Since+")")
		slave = slave || strings.Contains(feature.Name, "SET_GROUP")
	}
	what := "Linux " + m.Kernel
	if len(have) > 0 {
		what += " has " + strings.Join(have, ", ")
	}
	if len(missing) == 0 {
		return []Result{{Check: "kernel", Level: OK, What: what}}
	}
	r := Result{Check: "kernel", Level: OK, What: what + "; older ways stand in for " + strings.Join(missing, ", ")}
	if slave {
		r.Level = Warn
		r.Why = "what a job mounts on the file system of its work folder stays in the job, and does not reach the host or its containers"
		r.Mend = "update the kernel to Linux 5.15 or newer; in a container, allow move_mount in its seccomp profile"
	}
	return []Result{r}
}

// release reads the first two numbers of a kernel's release.
func release(s string) (major, minor int) {
	_, _ = fmt.Sscanf(s, "%d.%d", &major, &minor)
	return major, minor
}

func namespaces(m survey.Machine) []Result {
	switch n := m.MaxMountNS; {
	case n < 0:
		return nil
	case n == 0:
		return []Result{{
			Check: "namespaces", Level: Fail, What: "this machine allows no mount namespaces",
			Why: "no Worker can have a view of its own", Mend: "sudo sysctl -w user.max_mnt_namespaces=65536",
		}}
	case n < 256:
		return []Result{{
			Check: "namespaces", Level: Warn, What: fmt.Sprintf("this machine allows only %d mount namespaces", n),
			Why: "containers and sandboxes need some too, and a Worker that finds none left does not start", Mend: "sudo sysctl -w user.max_mnt_namespaces=65536",
		}}
	default:
		return []Result{{Check: "namespaces", Level: OK, What: fmt.Sprintf("up to %d mount namespaces", n)}}
	}
}

// userNS is about what a runner needs that has no other privilege; if one does, its own results say so.
func userNS(m survey.Machine) []Result {
	r := Result{Check: "user namespaces", Level: OK, What: "everybody may make them"}
	switch {
	case m.AppArmorUserNS == 1:
		r.What = "AppArmor lets only programs with a profile make them; the file capability needs none"
	case m.MaxUserNS == 0 || m.UserNSClone == 0:
		r.What = "switched off for ordinary users; the file capability needs none"
	case m.MaxUserNS < 0:
		return nil
	}
	return []Result{r}
}

// needCapability reports whether any runner needs CAP_SYS_ADMIN, or one that is still to come.
func (f Facts) needCapability() bool {
	needs := func(r Runner) bool { return !choices(&r).userns }
	return len(f.Runners) == 0 || slices.ContainsFunc(f.Runners, needs)
}

// container says whether CAP_SYS_ADMIN can be had here, which a container's manager decides, or whatever has started
// the doctor.
func container(m survey.Machine, needed bool) []Result {
	r := Result{Check: "container", Level: OK, What: "this is a container (" + m.Container + ") that may have CAP_SYS_ADMIN"}
	have := m.Self.CapBnd&program.SysAdmin != 0
	switch {
	case have && m.Container == "":
		return nil
	case have:
		return []Result{r}
	case m.Container != "":
		r.What = "this is a container (" + m.Container + ") without CAP_SYS_ADMIN"
		r.Mend = capable(m.Container)
	default:
		r.Check, r.What = "bounding set", "this doctor runs without CAP_SYS_ADMIN in its bounding set"
		r.Mend = "run the container, if this is one, with --cap-add SYS_ADMIN; else start runner and doctor with it (CapabilityBoundingSet=CAP_SYS_ADMIN in a unit)"
	}
	if m.Self.Seccomp == 2 {
		r.What += ", and with a seccomp filter"
	}
	if !needed {
		return []Result{{Check: r.Check, Level: OK, What: r.What + ", which no runner here needs (WORKER_WRAP_USERNS)"}}
	}
	r.Level, r.Why = Fail, "nothing here can mount, whatever the file capabilities and the user"
	return []Result{r}
}

// capable says how a container of that manager gets CAP_SYS_ADMIN.
func capable(manager string) string {
	switch manager {
	case "lxc", "lxc-libvirt":
		return "take sys_admin out of lxc.cap.drop, or name it in lxc.cap.keep, in its configuration; if AppArmor is on, also lxc.apparmor.allow_nesting = 1 (LXD, Incus, Proxmox: nesting)"
	case "systemd-nspawn":
		return "start it with systemd-nspawn --capability=CAP_SYS_ADMIN, or Capability=CAP_SYS_ADMIN in its .nspawn file"
	case "kubernetes":
		return `give its container securityContext: {capabilities: {add: ["SYS_ADMIN"]}}, and if AppArmor is on, appArmorProfile: {type: Unconfined}`
	}
	return "run it with --cap-add SYS_ADMIN, and if AppArmor is on, --security-opt apparmor=unconfined"
}

func build(captured bool) []Result {
	if captured {
		return []Result{{Check: "build", Level: OK, What: "notes the state it inherits before the Go runtime changes it"}}
	}
	return []Result{{
		Check: "build", Level: Warn, What: "this worker-wrap was not built by scripts/build",
		Why:  "ignored signals and closed descriptors that the runner hands on may not reach its Workers as they were",
		Mend: "install a released worker-wrap, or build it with scripts/build",
	}}
}
