package blame

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// manager is what has made the container that a start is in; "" is none that is known.
type manager string

const (
	docker     manager = "Docker"
	podman     manager = "Podman"
	kubernetes manager = "Kubernetes"
	lxc        manager = "LXC"
	lxd        manager = "LXD"
	incus      manager = "Incus"
	container  manager = "container" // another one
)

// mend is what to do outside a container: that its AppArmor profile allows mounts, that it has CAP_SYS_ADMIN,
// that its seccomp filter allows the calls.
type mend struct{ profile, capability, filter string }

// mendOf makes its table when it is asked: few starts ask.
func mendOf(m manager) mend {
	mends := map[manager]mend{
		docker: {
			"run the container with --security-opt apparmor=unconfined",
			"run it with --cap-add SYS_ADMIN (and, if AppArmor is on, --security-opt apparmor=unconfined)",
			"add --cap-add SYS_ADMIN, or a --security-opt seccomp=… profile that allows unshare and mount",
		},
		kubernetes: {
			"set appArmorProfile: {type: Unconfined} in the container's securityContext",
			"add SYS_ADMIN to capabilities in the container's securityContext (and, if AppArmor is on, appArmorProfile: {type: Unconfined})",
			"give the container's securityContext a seccompProfile that allows unshare and mount",
		},
		lxc: {
			"on the host, set lxc.apparmor.allow_nesting = 1 with the generated profile, or lxc.apparmor.profile = unconfined, in the container's configuration (Proxmox: pct set ID --features nesting=1), and restart the container",
			"on the host, take sys_admin out of lxc.cap.drop in the container's configuration, and restart the container",
			"on the host, let lxc.seccomp.profile in the container's configuration allow unshare and mount, and restart the container",
		},
		lxd: {
			"on the host: lxc config set NAME security.nesting true && lxc restart NAME",
			"on the host, take sys_admin out of lxc.cap.drop in raw.lxc of the container, and restart it",
			"on the host, let security.syscalls.* of the container allow unshare and mount, and restart it",
		},
		incus: {
			"on the host: incus config set NAME security.nesting true && incus restart NAME",
			"on the host, take sys_admin out of lxc.cap.drop in raw.lxc of the container, and restart it",
			"on the host, let security.syscalls.* of the container allow unshare and mount, and restart it",
		},
		container: {
			"have whatever runs the container use another profile, or none",
			"have whatever runs the container give it CAP_SYS_ADMIN",
			"have whatever runs the container allow unshare and mount",
		},
		"": {
			"allow mount in the profile",
			"allow it in CapabilityBoundingSet= of the service's unit",
			"have it allow unshare and mount",
		},
	}
	mends[podman] = mends[docker]
	return mends[m]
}

// whole reports whether the container is like a machine, with systemd and units of its own.
func (m manager) whole() bool { return m == "" || m == lxc || m == lxd || m == incus }

// WithoutNoNewPrivs is how to run a container in which no_new_privs is not set.
const WithoutNoNewPrivs = "without --security-opt no-new-privileges (Kubernetes: allowPrivilegeEscalation: true)"

// refusal is a step of isolation that was refused, and what is known of the process.
type refusal struct {
	privilege
	call  string     // which one, e.g. "mount"; "unshare" for the namespace itself
	errno unix.Errno // EACCES is what AppArmor and SELinux say, EPERM the kernel itself and seccomp filters
}

// causes are what a refusal can come from; the first that applies is named, with what mends it.
var causes = []struct {
	applies func(refusal) bool
	says    func(refusal) string
}{
	// With the privilege: something forbids its use.
	{
		func(r refusal) bool { return r.sysAdmin && r.apparmor != "" && (r.errno == unix.EACCES || !r.seccomp) },
		func(r refusal) string {
			return fmt.Sprintf("the AppArmor profile %s forbids it: %s", r.apparmor, mendOf(r.manager).profile)
		},
	},
	{
		// The profile of such a container is one of an AppArmor namespace outside, and reads "unconfined" inside.
		func(r refusal) bool { return r.sysAdmin && r.errno == unix.EACCES && r.hasAppArmor && r.manager != "" },
		func(r refusal) string {
			return fmt.Sprintf("the AppArmor profile of this container forbids it, as the default profile of %s does: %s", r.manager, mendOf(r.manager).profile)
		},
	},
	{
		func(r refusal) bool {
			return r.sysAdmin && r.seccomp && r.unit != "" && r.manager.whole() && !r.byModule() && r.call == "unshare"
		},
		func(r refusal) string {
			return fmt.Sprintf("RestrictNamespaces= of the unit %[1]s forbids mount namespaces, or a SystemCallFilter= does: let it allow mnt (systemctl edit %[1]s), and restart the unit", r.unit)
		},
	},
	{
		func(r refusal) bool {
			return r.sysAdmin && r.seccomp && r.unit != "" && r.manager.whole() && !r.byModule()
		},
		func(r refusal) string {
			return fmt.Sprintf("SystemCallFilter= of the unit %[1]s forbids it: add SystemCallFilter=@mount (systemctl edit %[1]s), and restart the unit", r.unit)
		},
	},
	{
		func(r refusal) bool { return r.sysAdmin && r.seccomp && !r.byModule() },
		func(r refusal) string { return "a seccomp filter forbids it: " + mendOf(r.manager).filter },
	},
	{
		func(r refusal) bool { return r.sysAdmin },
		func(refusal) string {
			return "a security module forbids it, though CAP_SYS_ADMIN is there: see the kernel's log (dmesg, ausearch -m avc)"
		},
	},
	// Without it: why, and how to get it.
	{
		func(r refusal) bool { return r.bounded && r.manager != "" },
		func(r refusal) string {
			return "this container may not have CAP_SYS_ADMIN: " + mendOf(r.manager).capability
		},
	},
	{
		func(r refusal) bool { return r.bounded },
		func(refusal) string {
			return "CAP_SYS_ADMIN is not to be had here (it is not in the bounding set): " + mendOf("").capability
		},
	},
	{
		func(r refusal) bool { return r.uid == 0 },
		func(refusal) string {
			return "root has no CAP_SYS_ADMIN here: run it in the machine's first user namespace, or with the capability"
		},
	},
	{
		func(r refusal) bool { return r.hasFileCaps && r.noNewPrivs && r.seccomp && r.unit != "" },
		func(r refusal) string {
			return fmt.Sprintf("no_new_privs is set, so the file capability of worker-wrap counts for nothing: set NoNewPrivileges=no in the unit %s; "+
				"before systemd 255 each directive that makes a seccomp filter sets it too, as RestrictNamespaces=, LockPersonality= and SystemCallFilter= do", r.unit)
		},
	},
	{
		func(r refusal) bool { return r.hasFileCaps && r.noNewPrivs },
		func(r refusal) string {
			if !r.manager.whole() { // no service manager in it
				return "no_new_privs is set, so the file capability of worker-wrap counts for nothing: run the container " + WithoutNoNewPrivs
			}
			return "no_new_privs is set, so the file capability of worker-wrap counts for nothing: set NoNewPrivileges=no in the service's unit"
		},
	},
	{
		func(r refusal) bool { return r.hasFileCaps && r.nosuid },
		func(refusal) string {
			return "worker-wrap lies on a file system mounted nosuid, so its file capability counts for nothing: install it on another"
		},
	},
	{
		func(r refusal) bool { return r.hasFileCaps },
		func(refusal) string {
			return "the file capability of worker-wrap was not granted: in a user namespace, or under a security module, it may not be"
		},
	},
	{
		func(r refusal) bool { return r.keepsNoCaps },
		func(refusal) string {
			return fmt.Sprintf("it needs root, or a file capability, which the file system of %s cannot keep, as NFS cannot: install worker-wrap on a local one (its package does so)", executable())
		},
	},
	{
		func(r refusal) bool { return r.noNewPrivs },
		func(refusal) string {
			return "it needs root or a file capability, and no_new_privs is set, which would take that away: set NoNewPrivileges=no in the service's unit, then: " + SetcapCommand()
		},
	},
	{
		func(refusal) bool { return true },
		func(refusal) string { return "it needs root, or a file capability: " + SetcapCommand() },
	},
}

// byModule reports whether it was a security module that refused, as far as the errno tells.
func (r refusal) byModule() bool { return r.errno == unix.EACCES && (r.hasAppArmor || r.hasSELinux) }

// hint says in one clause why mounting was refused and what to do.
func (r refusal) hint() string {
	for _, c := range causes {
		if c.applies(r) {
			return c.says(r)
		}
	}
	return ""
}

// refused finds out what err was about.
func refused(err error, p privilege, call string) refusal {
	r := refusal{privilege: p, call: call}
	errors.As(err, &r.errno)
	return r
}
