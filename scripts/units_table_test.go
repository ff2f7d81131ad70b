//go:build !race

package scripts_test

// unitRow is a service with some directives: what becomes of its Workers, and what doctor says, before systemd 255 and
// since. 255 sets no_new_privs for a system call filter no more.
type unitRow struct {
	name, settings string
	before, since  unitFate
	image          bool // it has a root image
	read           bool // no start is tried in such a service: doctor, and an install's warning, go by what its unit says
}

// unitFate: starts is "isolated", "cannot" if the program cannot even be run, "missing" if it is not there; "uncapable"
// if it cannot be run or the lack of CAP_SYS_ADMIN keeps a Worker from isolation; or a part of the line that says why
// none is started without FALLBACK. blamed and mend are parts of doctor's problem and of its mend, "" if there is none.
type unitFate struct{ starts, blamed, mend string }

var works = unitFate{starts: "isolated"}

// noNewPrivs is what a directive comes to that makes systemd set it.
func noNewPrivs(blamed, mend string) unitFate { return unitFate{"no_new_privs is set", blamed, mend} }

// since255 is a row of a directive that sets no_new_privs before systemd 255 and does no harm since.
func since255(name, setting, mend string) unitRow {
	return unitRow{name: name, settings: setting + "\n", before: noNewPrivs(setting, `\n`+mend+`\n`), since: works}
}

func both(name, settings string, fate unitFate) unitRow {
	return unitRow{name: name, settings: settings, before: fate, since: fate}
}

// onlyRead is both of a row in which no start is tried.
func onlyRead(name, settings string, fate unitFate) unitRow {
	row := both(name, settings, fate)
	row.read = true
	return row
}

// bare is what a service in a root of its own has of the machine's.
const bare = "MountAPIVFS=yes\nBindPaths=/srv\nBindReadOnlyPaths=/usr/bin /usr/lib /usr/lib64\n"

var unitTable = []unitRow{
	both("plain", "", works),
	both("nnp", "NoNewPrivileges=yes\n", noNewPrivs("NoNewPrivileges=yes", `\nNoNewPrivileges=no\n`)),
	both("nnp-ambient", "NoNewPrivileges=yes\nAmbientCapabilities=CAP_SYS_ADMIN\n", works),
	since255("lockpersonality", "LockPersonality=yes", "LockPersonality=no"),
	since255("restrictsuidsgid", "RestrictSUIDSGID=yes", "RestrictSUIDSGID=no"),
	since255("protecthostname", "ProtectHostname=yes", "ProtectHostname=no"),
	since255("protectclock", "ProtectClock=yes", "ProtectClock=no"),
	since255("privatedevices", "PrivateDevices=yes", "PrivateDevices=no"),
	since255("protectkerneltunables", "ProtectKernelTunables=yes", "ProtectKernelTunables=no"),
	since255("architectures", "SystemCallArchitectures=native", "SystemCallArchitectures="),
	since255("families", "RestrictAddressFamilies=AF_UNIX AF_INET", "RestrictAddressFamilies="),
	since255("realtime", "RestrictRealtime=yes", "RestrictRealtime=no"),
	since255("wx", "MemoryDenyWriteExecute=yes", "MemoryDenyWriteExecute=no"),
	since255("namespaces-other", "RestrictNamespaces=~uts", "RestrictNamespaces=no"),
	since255("filter-mount", "SystemCallFilter=@system-service @mount", "SystemCallFilter="),
	{
		name: "namespaces", settings: "RestrictNamespaces=yes\n",
		before: noNewPrivs("RestrictNamespaces=yes", `\nRestrictNamespaces=no\n`),
		since:  unitFate{"seccomp filter", "RestrictNamespaces=yes", `\nRestrictNamespaces=mnt\n`},
	},
	{
		name: "namespaces-mnt", settings: "RestrictNamespaces=~mnt\n",
		before: noNewPrivs("RestrictNamespaces=~mnt", `\nRestrictNamespaces=no\n`),
		since:  unitFate{"seccomp filter", "RestrictNamespaces=~mnt", `\nRestrictNamespaces=mnt\n`},
	},
	{
		name: "filter-deny", settings: "SystemCallFilter=~@mount\n",
		before: unitFate{"and no_new_privs is set", "SystemCallFilter=~@mount", `\nSystemCallFilter=\n`},
		since:  unitFate{"ends each process that calls open_tree(2)", "SystemCallFilter=~@mount", `\nSystemCallFilter=@mount\n`},
	},
	{
		name: "filter-allow", settings: "SystemCallFilter=@system-service\n",
		before: unitFate{"and no_new_privs is set", "SystemCallFilter=@system-service", `\nSystemCallFilter=\n`},
		since:  unitFate{"ends each process that calls open_tree(2)", "SystemCallFilter=@system-service", `\nSystemCallFilter=@mount\n`},
	},
	{
		name: "filter-error", settings: "SystemCallFilter=@system-service\nSystemCallErrorNumber=EPERM\n",
		before: noNewPrivs("SystemCallFilter=@system-service", `\nSystemCallFilter=\n`),
		since:  unitFate{"not permitted", "SystemCallFilter=@system-service", `\nSystemCallFilter=@mount\n`},
	},
	both("bounding", "CapabilityBoundingSet=~CAP_SYS_ADMIN\n", unitFate{"uncapable", "CapabilityBoundingSet=~CAP_SYS_ADMIN", `\nCapabilityBoundingSet=CAP_SYS_ADMIN\n`}),
	both("bounding-empty", "CapabilityBoundingSet=\n", unitFate{"uncapable", "CapabilityBoundingSet=", `\nCapabilityBoundingSet=CAP_SYS_ADMIN\n`}),
	both("strict", "ProtectSystem=strict\n", unitFate{"read-only", "ProtectSystem=strict", `\nReadWritePaths=/srv/strict\n`}),
	both("strict-root", "ProtectSystem=strict\nReadWritePaths=@ROOT@\n", works),
	both("strict-work", "ProtectSystem=strict\nReadWritePaths=@ROOT@/_work @ROOT@/_diag\n", works),
	both("readonly", "ReadOnlyPaths=/srv\n", unitFate{"read-only", "ReadOnlyPaths=/srv", `\nReadWritePaths=/srv/readonly\n`}),
	both("full", "ProtectSystem=full\n", works),
	both("procsubset", "ProcSubset=pid\n", works),
	both("protectproc", "ProtectProc=invisible\n", works),
	both("users", "PrivateUsers=yes\n", works),
	both("tmp", "PrivateTmp=yes\n", works),
	both("mounts", "PrivateMounts=yes\n", works),
	both("securebits", "SecureBits=noroot\n", works),
	both("noexec", "NoExecPaths=/\nExecPaths=/usr /lib /srv\n", works),
	both("noexec-binary", "NoExecPaths=/usr/local\n", unitFate{"cannot", "NoExecPaths=/usr/local", `\nExecPaths=/usr/local/lib/worker-wrap\n`}),
	// What stands in the Worker's place: a worker-wrap of an older version's capability, and another tool's wrapper.
	both("older", "", works),
	both("older-bounding", "# env: WORKER_WRAP_ISOLATE=always\nCapabilityBoundingSet=~CAP_SYS_ADMIN\n", unitFate{"cannot", "CapabilityBoundingSet=~CAP_SYS_ADMIN", `\nCapabilityBoundingSet=CAP_SYS_ADMIN\n`}),
	both("wrapper", "", works),
	// Where the settings come from: systemd knows all of these places.
	both("dash-one", "# drop-in: actions.runner.dash-.service.d/a.conf NoNewPrivileges=yes\n", noNewPrivs("a.conf", `\nNoNewPrivileges=no\n`)),
	both("tpl@one", "# drop-in: actions.runner.tpl@.service.d/a.conf NoNewPrivileges=yes\n", noNewPrivs("a.conf", `\nNoNewPrivileges=no\n`)),
	both("late", "# drop-in: actions.runner.late.service.d/zzz-hardening.conf NoNewPrivileges=yes\n", noNewPrivs("zzz-hardening.conf", `\nNoNewPrivileges=no\n`)),
	both("late-off", "NoNewPrivileges=yes\n# drop-in: actions.runner.late-off.service.d/a.conf NoNewPrivileges=no\n", works),
	// What else makes a difference, or none.
	both("ambient-implied", "LockPersonality=yes\nAmbientCapabilities=CAP_SYS_ADMIN\n", works),
	both("userns-nnp", "# env: WORKER_WRAP_USERNS=1\nNoNewPrivileges=yes\nCapabilityBoundingSet=CAP_KILL\n", works),
	both("userns-denied", "# env: WORKER_WRAP_USERNS=1\nRestrictNamespaces=~user\n", unitFate{"user namespace", "RestrictNamespaces=~user", `\nRestrictNamespaces=user\n`}),
	both("readonly-work", "ReadOnlyPaths=@ROOT@/_work\nProcSubset=pid\n", unitFate{"read-only", "ReadOnlyPaths=", `\nReadOnlyPaths=\n`}),
	both("hidden-both", "InaccessiblePaths=/usr/local/lib/worker-wrap @ROOT@/_work\n", unitFate{"cannot", "InaccessiblePaths=/usr/local/lib/worker-wrap", `\nInaccessiblePaths=\n`}),
	both("all-at-once", "NoNewPrivileges=yes\nProtectSystem=strict\nRestrictNamespaces=yes\nInaccessiblePaths=/usr/local/lib/worker-wrap\n",
		unitFate{"cannot", "InaccessiblePaths=/usr/local/lib/worker-wrap", `\nReadWritePaths=/srv/all-at-once\nInaccessiblePaths=\n`}),
	onlyRead("dynamic", "DynamicUser=yes\n", unitFate{"no_new_privs is set", "DynamicUser=yes", `\nDynamicUser=no\n`}),
	onlyRead("chroot", "MountAPIVFS=yes\nRootDirectory=/chroot\n", works),
	onlyRead("chroot-bare", bare+"RootDirectory=/bare\n", unitFate{"missing", "RootDirectory=/bare, which has no /usr/local/lib/worker-wrap/worker-wrap", `\nBindReadOnlyPaths=/usr/local/lib/worker-wrap\n`}),
	{name: "image", settings: bare + "RootImage=/image\nBindReadOnlyPaths=/usr/local/lib/worker-wrap\n", before: works, since: works, image: true, read: true},
	onlyRead("chroot-nnp", "MountAPIVFS=yes\nRootDirectory=/chroot\nNoNewPrivileges=yes\n", noNewPrivs("NoNewPrivileges=yes", `\nNoNewPrivileges=no\n`)),
	both("home", "ProtectHome=tmpfs\nBindPaths=@ROOT@:/home/r\n", works),
	both("hidden", "InaccessiblePaths=/usr/local/lib/worker-wrap\n", unitFate{"cannot", "InaccessiblePaths=/usr/local/lib/worker-wrap", `\nInaccessiblePaths=\n`}),
}
