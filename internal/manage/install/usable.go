package install

import (
	"fmt"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// Usable returns an installed binary that the runners can use: the one in m's place, else a package's or
// one in the usual prefix. The error says why there is none.
func (m Machine) Usable() (string, error) {
	var first error
	for _, place := range []string{m.Place(), m.path(packaged), filepath.Join(m.path(DefaultPrefix), inPrefix)} {
		b := survey.BinaryAt(place)
		var err error
		switch {
		case b.Path != place:
			err = fmt.Errorf("worker-wrap is not installed as %s", place)
		case b.Nosuid || b.Noexec:
			err = usable(place)
		case b.UID != 0:
			err = fmt.Errorf("%s does not belong to root", place)
		case !b.SysAdmin:
			err = fmt.Errorf("%s lacks the file capability %s", place, survey.FileCapability)
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

// Systemd reports whether the machine runs systemd, so that an install's path units look after updates.
func (m Machine) Systemd() bool { return m.systemd() }
