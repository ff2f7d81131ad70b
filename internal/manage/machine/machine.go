package machine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

const (
	// DefaultPrefix is where an install without a package puts the binary: lib/worker-wrap/worker-wrap
	// below it, and a link in bin.
	DefaultPrefix = "/usr/local"
	// packaged is where packages put it.
	packaged = "/usr/lib/worker-wrap/worker-wrap"
)

// Machine says where on which machine things are put. The zero value is this machine.
type Machine struct {
	// Root is the machine's root folder; "" is "/". systemd is told of changes only where it is "".
	Root string
	// Prefix is below which the binary is put, see [Machine.Place].
	Prefix string
	// Self is the running binary, links resolved.
	Self string
}

func (m Machine) Path(p string) string { return filepath.Join("/", m.Root, p) }

// Place is where the binary is, or is to be put: without Prefix that is where Self is, if that is a place of
// an install or a package, else below [DefaultPrefix].
func (m Machine) Place() string {
	if m.Prefix == "" && strings.HasSuffix(m.Self, inPrefix) && ownedByRoot(m.Self) {
		return m.Self
	}
	return filepath.Join(m.prefix(), inPrefix)
}

const inPrefix = "/lib/" + program.Name + "/" + program.Name

func ownedByRoot(path string) bool {
	st, err := os.Stat(path)
	if err != nil {
		return false
	}
	uid, _ := disk.Owner(st)
	return uid == 0
}

func (m Machine) prefix() string {
	if m.Prefix != "" {
		return m.Path(m.Prefix)
	}
	if prefix, ok := strings.CutSuffix(m.Self, inPrefix); ok && ownedByRoot(m.Self) {
		return prefix
	}
	return m.Path(DefaultPrefix)
}

// Packaged reports whether the binary's place is a package's, which then brings and removes it.
func (m Machine) Packaged() bool { return m.Place() == m.Path(packaged) }

// command is the link by which people start what is in Place.
func (m Machine) command() string { return filepath.Join(m.prefix(), "bin", program.Name) }

// Systemd reports whether systemd runs the machine, so that an install's path units look after updates.
func (m Machine) Systemd() bool { return m.units().Runs() }

// systemctl tells systemd something; on another machine than this one there is nobody to tell.
func (m Machine) systemctl(args ...string) error {
	if m.Root != "" {
		return nil
	}
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		return &commandError{"systemctl " + strings.Join(args, " "), strings.TrimSpace(string(out)), err}
	}
	return nil
}

type commandError struct {
	command, said string
	err           error
}

func (e *commandError) Error() string {
	s := e.command + ": " + e.err.Error()
	if e.said != "" {
		s += ": " + strings.ReplaceAll(e.said, "\n", "; ")
	}
	return s
}

func (e *commandError) Unwrap() error { return e.err }
