package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// places are the folders that a start works in: _temp, or what a link in its place leads to, and the work folder, which
// holds that and the store. What is made, laid and given away is found by these, so that whoever owns the folders cannot have it done elsewhere meanwhile.
type places struct {
	work, temp *os.File
}

func (p places) close() { closeAll(p.work, p.temp) }

// closeAll closes those files that there are.
func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// openOutside opens the folder that holds _temp, or what a link in its place leads to, as it is in the mount namespace
// that the caller starts from.
func (r *run) openOutside() error {
	p, err := r.lookPlaces()
	if err != nil {
		return err
	}
	defer p.close()
	r.outside, err = untrusted.At(p.temp, "..", asPlace)
	return err
}

// openPlaces opens them, and makes what is missing first.
func (r *run) openPlaces() (places, error) {
	p, err := r.lookPlaces()
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(r.Temp, 0o755); err != nil {
			return places{}, err
		}
		p, err = r.lookPlaces()
	}
	if err != nil {
		return places{}, err
	}
	err = r.mine(p.temp)
	if err == nil {
		err = r.fillable(p.temp)
	}
	if err != nil {
		p.close()
		return places{}, err
	}
	return p, nil
}

func (r *run) lookPlaces() (p places, err error) {
	if p.work, err = openPath(filepath.Dir(r.Temp)); err != nil {
		return places{}, err
	}
	if p.temp, err = r.openTemp(p.work, filepath.Base(r.Temp)); err != nil {
		p.close()
		return places{}, err
	}
	return p, nil
}

// openTemp opens _temp in the work folder, or what a link in its place leads to.
func (r *run) openTemp(work *os.File, name string) (*os.File, error) {
	if r.uid == 0 { // nobody leads root to a folder of another user's
		return untrusted.Place(work, name)
	}
	return untrusted.At(work, name, asPlace) // the rule of mine is for what it leads to
}

// asPlace is how folders are opened that are only to be found again: no right to them is needed.
const asPlace = unix.O_PATH | unix.O_DIRECTORY

func openPath(path string) (*os.File, error) { return untrusted.At(nil, path, asPlace) }

// within reports whether the current folder is the _temp that is about to be covered: then it is to be the new one, as
// a shell shows it by its path. A folder in it is refused, as it would not be there. A Worker starts in bin.
func (r *run) within(temp *os.File) (bool, error) {
	if r.Worker != "" {
		return false, nil
	}
	cwd, err := unix.Getwd()
	if err != nil {
		return false, nil // it has no path, so it is not by one that it is in there
	}
	place := resolved(temp)
	if strings.HasPrefix(cwd, place+"/") {
		return false, fmt.Errorf("the current folder %s lies in %s, which is to be an empty folder: start it from elsewhere", cwd, r.Temp)
	}
	return cwd == place, nil
}
