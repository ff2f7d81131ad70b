package shim

import (
	"cmp"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// openHost opens the places in the host's view. It makes _temp if it is missing.
func (s *start) openHost() (h place.Host, err error) {
	if h.Root, err = place.Open("/"); err != nil {
		return place.Host{}, err
	}
	if h.Places, err = s.openPlaces(s.Home); err == nil {
		h.Inside, err = s.startsIn(h.Temp)
	}
	if err != nil {
		h.Close()
		return place.Host{}, err
	}
	return h, nil
}

// openPlaces opens the places in the calling thread's view, with the store in home, or, if that is "", in the place for
// a new one.
func (s *start) openPlaces(home string) (place.Places, error) {
	p, err := s.Caller.Open(s.Temp)
	if err != nil {
		return place.Places{}, err
	}
	if home == "" {
		same := false
		if home, same = perpid.Home(cmp.Or(s.Root(), s.StoreOf), s.Temp); !same && s.Settings.Policy.Backing != policy.Tmpfs {
			s.Journal.Elsewhere(home)
		}
	}
	if p.Home = p.Work; home != p.Work.Name() {
		if p.Home, err = place.Open(home); err == nil {
			err = s.Caller.MayGive(p.Home, p.Temp)
		}
	}
	if err != nil {
		p.Close()
		return place.Places{}, err
	}
	return p, nil
}

// startsIn reports whether the current folder is the _temp that is about to be covered: then it is to be the new one,
// as a shell shows it by its path. A folder in it is refused, as it would not be there. A Worker starts in bin.
func (s *start) startsIn(temp *os.File) (bool, error) {
	if s.Worker != nil {
		return false, nil
	}
	cwd, err := unix.Getwd()
	if err != nil {
		return false, nil // it has no path, so it is not by one that it is in there
	}
	at := place.Resolved(temp)
	if cwd != at && paths.In(cwd, at) {
		return false, fmt.Errorf("the current folder %s lies in %s, over which this start lays an empty folder: start it from elsewhere", cwd, s.Temp)
	}
	return cwd == at, nil
}
