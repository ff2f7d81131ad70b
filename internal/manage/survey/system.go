package survey

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// System is the machine that is looked at: the zero value is this one. In tests Root is a folder with
// a proc, etc and so on.
type System struct {
	Root string
	once *once // nil to look anew each time
}

func (s System) path(p string) string { return filepath.Join("/", s.Root, p) }

// read returns the first 64 KiB of a regular file, "" if it cannot be read.
func (s System) read(p string) string { return untrusted.Text(s.path(p)) }

// number returns the number in a file of /proc/sys, -1 if there is none.
func (s System) number(p string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(s.read(p)), 10, 64)
	if err != nil {
		return -1
	}
	return n
}

func (s System) exists(p string) bool {
	_, err := os.Stat(s.path(p))
	return err == nil
}

// Machine is what all runners of the machine share.
type Machine struct {
	Kernel   string           // release (uname(2))
	Features []mounts.Feature // nil if asking would be the end of this process
	// MaxMountNS and MaxUserNS are /proc/sys/user/max_{mnt,user}_namespaces, -1 if unknown.
	MaxMountNS, MaxUserNS int64
	// AppArmorUserNS is /proc/sys/kernel/apparmor_restrict_unprivileged_userns (Ubuntu 23.10 and later):
	// 1 where unprivileged processes may make user namespaces only under a profile that says so.
	AppArmorUserNS int64
	// UserNSClone is /proc/sys/kernel/unprivileged_userns_clone, a patch of Debian's: 0 forbids.
	UserNSClone int64
	Systemd     bool // systemd runs the machine (sd_booted(3))
	// SystemdVersion is the first number of its version, 0 if it is not known. Some settings do other things since 255.
	SystemdVersion int
	Exporter       bool    // Debian's folder for what Prometheus' node_exporter is to read is there
	FiguresTimer   bool    // systemd writes the figures there
	Container      string  // what kind of container this is, "" where it seems to be none
	Self           Process // this process
}

// Machine gathers the machine's facts.
func (s System) Machine() Machine {
	var name unix.Utsname
	_ = unix.Uname(&name)
	self, _ := s.Process(os.Getpid())
	var features []mounts.Feature
	if nsenter.Deadly() == "" { // as it is in a job of a hardened service
		features = mounts.Probe()
	}
	return Machine{
		Kernel:         unix.ByteSliceToString(name.Release[:]),
		Features:       features,
		MaxMountNS:     s.number("proc/sys/user/max_mnt_namespaces"),
		MaxUserNS:      s.number("proc/sys/user/max_user_namespaces"),
		AppArmorUserNS: s.number("proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
		UserNSClone:    s.number("proc/sys/kernel/unprivileged_userns_clone"),
		Systemd:        s.systemd().Runs(),
		SystemdVersion: s.systemd().Version(),
		Exporter:       s.exists("var/lib/prometheus/node-exporter"),
		FiguresTimer:   s.exists("etc/systemd/system/timers.target.wants/worker-wrap-figures.timer"),
		Container:      s.container(),
		Self:           self,
	}
}

// container names the container manager by the marks that managers leave: systemd's interface for
// containers (/run/systemd/container, or container= in the environment of PID 1), Docker's
// /.dockerenv, Podman's /run/.containerenv, Kubernetes' service account, or its variable.
func (s System) container() string {
	if _, is := environ.Lookup(environ.Parse([]byte(s.read("proc/1/environ"))), environ.PodVar); is {
		return "kubernetes"
	}
	if kind := strings.TrimSpace(s.read("run/systemd/container")); kind != "" {
		return kind
	}
	for entry := range strings.SplitSeq(s.read("proc/1/environ"), "\x00") {
		if kind, ok := strings.CutPrefix(entry, "container="); ok && kind != "" {
			return kind
		}
	}
	for _, mark := range [...][2]string{
		{"run/.containerenv", "podman"},
		{".dockerenv", "docker"},
		{"run/secrets/kubernetes.io", "kubernetes"},
	} {
		if s.exists(mark[0]) {
			return mark[1]
		}
	}
	return ""
}
