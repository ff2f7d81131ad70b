package rewrite

import (
	"path"
	"slices"
	"strings"
)

// bind is an entry of HostConfig.Binds: source:target, with flags behind a second colon or without. The
// daemon splits at the colons and takes no more than two (volume/mounts/linux_parser.go).
type bind struct {
	source, target string
	flags          string // with its colon, or empty
}

// parseBind splits an entry; ok is false for one that the daemon refuses, and for an anonymous volume.
func parseBind(entry string) (b bind, ok bool) {
	parts := strings.Split(entry, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return bind{}, false
	}
	b = bind{source: parts[0], target: parts[1]}
	if len(parts) == 3 {
		b.flags = ":" + parts[2]
	}
	return b, true
}

func (b bind) String() string { return b.source + ":" + b.target + b.flags }

// binds changes the entries of an array of binds.
func (t *Translator) binds(e *edits, array *node, other taken, c *container) error {
	for _, item := range array.items() {
		b, ok := parseBind(item.text)
		if !ok {
			continue
		}
		written, named := b.source, !path.IsAbs(b.source)
		if named {
			written = t.device(b.source)
		}
		s := t.source(e, written)
		if !named || s.Host != written {
			t.keepSource(c, b.target, written, s.Host)
		}
		if s.Host != written {
			if strings.Contains(s.Host, ":") {
				return colonError(item.text, s.Host)
			}
			if named {
				b.flags = withoutNoCopy(b.flags)
			}
			b.source = s.Host
			if named || path.Clean(written) != written {
				keep(&c.binds, b.String(), item.text)
			}
			e.set(item, b.String())
		}
		t.add(spec{b.target, strings.TrimPrefix(b.flags, ":")}, s.Below, other, func(place, host string) {
			c.added = append(c.added, place)
			e.after(item, quote(bind{host, place, withoutNoCopy(b.flags)}.String()))
		})
	}
	return nil
}

// withoutNoCopy takes out the flag that the daemon knows for volumes only.
func withoutNoCopy(flags string) string {
	all := strings.Split(strings.TrimPrefix(flags, ":"), ",")
	rest := slices.DeleteFunc(slices.Clone(all), func(flag string) bool { return flag == "nocopy" })
	switch {
	case len(rest) == len(all):
		return flags
	case len(rest) == 0:
		return ""
	}
	return ":" + strings.Join(rest, ",")
}
