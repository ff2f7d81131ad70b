package rewrite

import (
	"path"
	"path/filepath"
	"strings"
)

// volumeMount changes the device of a volume that is made with the container. What is mounted is the folder below the
// device that the option Subpath names (API 1.45). One that the host has elsewhere is mounted by its own path: neither
// an existing volume's device nor the folder that Subpath names can be changed.
func (t *Translator) volumeMount(e *edits, m *node, other taken, c *container) {
	device := t.device(m.string("Source"))
	for _, driver := range m.at("VolumeOptions", "DriverConfig") {
		for _, options := range driver.all("Options") {
			if d := t.options(e, driver.string("Name"), options); d != "" && device == "" {
				device = d
			}
		}
	}
	if device == "" {
		return
	}
	if subpath := m.last("VolumeOptions").string("Subpath"); filepath.IsLocal(subpath) { // the daemon refuses others
		device = path.Join(device, subpath)
	}
	readOnly := "false"
	if v := m.last("ReadOnly"); v != nil {
		readOnly = string(e.body[v.start:v.end])
	}
	bound := func(host, place string) string {
		return `{"Type":"bind","Source":` + quote(host) + `,"Target":` + quote(place) + `,"ReadOnly":` + readOnly + `}`
	}
	target := m.string("Target")
	s := t.source(e, device)
	if s.Host != device {
		t.keepSource(c, target, device, s.Host)
		keep(&c.mounts, path.Clean(target), string(e.body[m.start:m.end]))
		e.replace(m, bound(s.Host, target))
	}
	t.add(spec{target: target}, s.Below, other, func(place, host string) {
		c.added = append(c.added, place)
		e.after(m, bound(host, place))
	})
}

// options changes the device in the options of a bind-mounted volume of the local driver. It returns the device as the
// host has it; "" for any other volume.
func (t *Translator) options(e *edits, driver string, options *node) (device string) {
	if !isBind(driver, options) {
		return ""
	}
	for _, d := range options.entry("device") {
		s := t.source(e, d.text)
		if device = s.Host; s.Host != d.text {
			e.set(d, s.Host)
		}
	}
	return device
}

// isBind reports whether a volume of this driver with these options is a bind mount. options may be nil.
func isBind(driver string, options *node) bool {
	if driver != "" && driver != "local" || options == nil {
		return false
	}
	for _, o := range options.entry("o") {
		for flag := range strings.SplitSeq(o.text, ",") {
			if flag == "bind" || flag == "rbind" {
				return true
			}
		}
	}
	return false
}

// device returns the device of a volume by its name, as the host has it, if that is a bind mount. The daemon is asked
// once about a name: an earlier job, or somebody else, may have made the volume.
func (t *Translator) device(name string) string {
	t.mu.Lock()
	device, known := t.volumes.get(name)
	t.mu.Unlock()
	if known || !isName(name) {
		return device
	}
	return t.learn(t.Ask("/volumes/" + name))
}

// learn takes the device of a volume from how the daemon describes it.
func (t *Translator) learn(volume []byte) (device string) {
	n, ok := parse(volume)
	if !ok || n.string("Name") == "" {
		return ""
	}
	if options := n.last("Options"); isBind(n.string("Driver"), options) {
		for _, d := range options.entry("device") {
			device = d.text
		}
	}
	if _, own := t.paths.Job(device); !own {
		device = t.text(device) // one in an earlier job's folder means that place in this job's
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.volumes.put(strings.Clone(n.string("Name")), strings.Clone(device))
	return device
}

// ForgetVolumes is to be called if a request removes volumes: another may get the name.
func (t *Translator) ForgetVolumes() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.volumes = memory[string]{}
}

// isName reports whether the daemon takes this as the name of a volume or container (daemon/names).
func isName(s string) bool {
	const first = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	return s != "" && strings.Trim(s[:1], first) == "" && strings.Trim(s, first+"_.-") == ""
}
