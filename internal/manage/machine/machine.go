package machine

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// DefaultPrefix is where an install without a package puts the binary: lib/worker-wrap/worker-wrap
// below it, and a link in bin.
const DefaultPrefix = "/usr/local"

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

// Place is where the binary is, or is to be put, by a path whose folders are no links: as the kernel names it to who runs it.
// Without Prefix that is where Self is, if that is a place of an install or a package, else below [DefaultPrefix].
func (m Machine) Place() string { return placeIn(m.prefix()) }

// placeIn is the binary's place below a prefix.
func placeIn(prefix string) string { return resolved(filepath.Join(prefix, inPrefix)) }

// resolved returns a path without the links among its folders. What is not there, or cannot be told, stays as it is, and so
// does what the path itself is.
func resolved(path string) string {
	dir := filepath.Dir(path)
	real, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) && dir != path {
		real, err = resolved(dir), nil
	}
	if err != nil {
		return path
	}
	return filepath.Join(real, filepath.Base(path))
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
	usual := m.Path(DefaultPrefix)
	prefix := usual
	switch own, placed := strings.CutSuffix(m.Self, inPrefix); {
	case m.Prefix != "":
		prefix = m.Path(m.Prefix)
	case placed && ownedByRoot(m.Self):
		prefix = own
	}
	if placeIn(prefix) == placeIn(usual) {
		return usual // links lead there
	}
	return prefix
}

// packaged is where packages put the binary.
func (m Machine) packaged() string { return placeIn(m.Path("/usr")) }

// Packaged reports whether the binary is a package's, which then brings and removes it. Below a Prefix that is so if beside
// the place lies what the package's script makes it from.
func (m Machine) Packaged() bool {
	_, err := os.Lstat(m.packaged() + ".packaged")
	return m.Place() == m.packaged() && (m.Prefix == "" || err == nil)
}

// command is the link by which people start what is in Place.
func (m Machine) command() string { return filepath.Join(m.prefix(), "bin", program.Name) }

// leads reports whether a link in the command's place would lead to the binary's, whether or not that is there.
func (m Machine) leads(target string) bool {
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(resolved(m.command())), target)
	}
	return resolved(target) == m.Place()
}

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
