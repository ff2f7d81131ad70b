package own

import (
	"io/fs"
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// Binds are those over the places, opened anew in the job's view, and the files that they hold open.
func (s Start) Binds(host place.Host, home *os.File, all All) (list []mounts.Mount, files []*os.File, err error) {
	if len(all) == 0 {
		return nil, nil, nil
	}
	store, err := perpid.OpenIn(home)
	if err != nil {
		return nil, files, err
	}
	defer store.Close()
	for _, o := range all {
		covered, err := place.Open(o.path)
		if err != nil {
			return nil, files, err
		}
		files = append(files, covered)
		dir, err := store.Folder(s.Self, filepath.Base(o.dir.Name()))
		if err != nil {
			return nil, files, err
		}
		files = append(files, dir)
		outside, err := host.Above(o.path)
		if err != nil {
			return nil, files, err
		}
		files = append(files, outside)
		for _, pair := range [][2]*os.File{{covered, o.at}, {dir, o.dir}} {
			if same, err := place.Same(pair[0], pair[1]); err != nil {
				return nil, files, err
			} else if !same {
				return nil, files, &fs.PathError{Op: "open", Path: pair[0].Name(), Err: place.ErrExchanged}
			}
		}
		for _, err := range []error{s.mayCover(o.path, covered), s.Caller.MustOwn(dir)} {
			if err != nil {
				return nil, files, err
			}
		}
		list = append(list, mounts.Mount{Source: dir, Target: covered, Outside: outside})
		s.Journal.Debugf("%s lies over %s", o.dir.Name(), o.path)
	}
	return list, files, nil
}
