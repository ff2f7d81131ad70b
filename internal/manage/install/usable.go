package install

import (
	"fmt"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// Usable returns an installed binary that the runners can use: the one in m's place, else a package's or
// one in the usual prefix. The error says why there is none.
func (m Machine) Usable() (string, error) {
	var first error
	for _, place := range []string{m.Place(), m.path(packaged), filepath.Join(m.path(DefaultPrefix), inPrefix)} {
		b := program.BinaryAt(place)
		var err error
		switch {
		case b.Path != place:
			err = fmt.Errorf("worker-wrap is not installed as %s", place)
		case b.Nosuid || b.Noexec:
			err = program.Usable(place)
		case b.Mode&0o001 == 0:
			err = fmt.Errorf("%s has mode %04o, which lets only root run it", place, b.Mode)
		case b.UID != 0:
			err = fmt.Errorf("%s does not belong to root", place)
		case !b.SysAdmin:
			err = fmt.Errorf("%s lacks the file capability %s", place, program.FileCapability)
		}
		if err == nil {
			return place, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}

// runnable refuses a place from which the runner's user could start no program: a link to it would hang every job.
func runnable(place string, l runner.Layout) error {
	who := survey.System{}.Starter(l)
	barred := survey.BarredFrom(place, who.UID)
	if barred == "" {
		return nil
	}
	return fmt.Errorf("%s: %s, whose Workers these are, could not run %s because of the mode of %s, and no job would start: sudo chmod a+x %s, or choose another place with --prefix DIR",
		l.Root, who.User, place, barred, visible.Word(barred))
}

// Systemd reports whether the machine runs systemd, so that an install's path units look after updates.
func (m Machine) Systemd() bool { return m.systemd() }
