package plan

import (
	"errors"
	"path"
	"strings"
)

// Own is a place of WORKER_WRAP_PRIVATE.
type Own struct {
	Path string // clean; absolute, or from ~/ on
	Copy bool   // the job's folder begins with a copy of what is there
}

// At returns the absolute path of the place.
func (o Own) At(home string) string {
	if rest, ok := strings.CutPrefix(o.Path, "~/"); ok {
		return path.Join(home, rest)
	}
	return o.Path
}

// Owns are the places of [Settings].Private.
func (s Settings) Owns() []Own {
	all, _ := parseOwn(s.Private) // it was parsed when it was set
	return all
}

// mostOwn is how many places there can be: a start makes a folder and a mount for each.
const mostOwn = 8

func parseOwn(value string) (out []Own, err error) {
	if value == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(value, ":") {
		name, how, given := strings.Cut(part, "=")
		name = strings.TrimSuffix(name, "/")
		switch {
		case given && how != "copy":
			return nil, errors.New("behind a place's = there is copy, or leave the = out")
		case name == "~":
			return nil, errors.New("HOME itself cannot be covered; name folders in it, such as ~/.docker")
		case !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "~/"), path.Clean(name) != name:
			return nil, errors.New("name folders by whole paths or from ~/ on, without . and .., with : between them: ~/.docker:~/.config/gh=copy")
		}
		out = append(out, Own{name, given})
	}
	if len(out) > mostOwn {
		return nil, errors.New("name 8 folders at most")
	}
	return out, nil
}
