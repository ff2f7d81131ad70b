package machine

import (
	"fmt"

	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// Usable returns an installed binary that the runners can use: the one in m's place, else a package's or
// one in the usual prefix. The error says why there is none.
func (m Machine) Usable() (string, error) {
	var first error
	for _, place := range []string{m.Place(), m.packaged(), placeIn(m.Path(DefaultPrefix))} {
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
