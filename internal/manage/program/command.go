package program

import (
	"cmp"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// Command is how a person starts worker-wrap; "" is by its name.
type Command string

// CommandOf returns a command that works where it is pasted. That is the name, if an install or a package has put the command
// where shells look for it. Else it is the path of the program that runs, self.
func CommandOf(self string) Command {
	for _, dir := range []string{"/usr/local/bin", "/usr/bin"} {
		if unix.Access(filepath.Join(dir, Name), unix.X_OK) == nil { // not so for a link whose binary is gone
			return Name
		}
	}
	if self == "" {
		return Name
	}
	return Command(visible.Word(self))
}

// Do is a command line of a subcommand.
func (c Command) Do(sub string) string { return cmp.Or(string(c), Name) + " " + sub }

// On is one for the runner in root.
func (c Command) On(sub, root string) string {
	return c.Do(sub) + " --runner-root " + visible.Word(root)
}
