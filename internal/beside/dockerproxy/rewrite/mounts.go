package rewrite

import (
	"path"
	"strings"
)

// mounts changes the objects of an array of mounts, as HostConfig.Mounts and a service's ContainerSpec
// have them (api/types/mount).
func (t *Translator) mounts(e *edits, array *node, other taken, c *container) {
	for _, m := range array.items() {
		switch m.string("Type") {
		case "bind":
			t.bindMount(e, m, other, c)
		case "volume":
			t.volumeMount(e, m, other, c)
		}
	}
}

func (t *Translator) bindMount(e *edits, m *node, other taken, c *container) {
	target := m.string("Target")
	for _, source := range m.all("Source") {
		s := t.source(e, source.text)
		if s.Host != source.text {
			c.sources[path.Clean(target)] = source.text
			e.set(source, s.Host)
		}
		if source != m.last("Source") {
			continue
		}
		flags := m.last("BindOptions").string("Propagation")
		t.add(spec{target, flags}, s.Below, other, func(place, host string) {
			c.added = append(c.added, place)
			e.after(m, e.copy(m, map[string]string{"Source": host, "Target": place}))
		})
	}
}

// copy returns an object's text with the strings of these fields replaced.
func (e *edits) copy(m *node, fields map[string]string) string {
	c := edits{body: e.body[:m.end]}
	for name, text := range fields {
		for _, v := range m.all(name) {
			c.set(v, text)
		}
	}
	return string(c.apply()[m.start:])
}

// volumeMount changes the device of a volume that is made with the container, and adds what is missing
// below one that is there already.
func (t *Translator) volumeMount(e *edits, m *node, other taken, c *container) {
	device := t.device(m.string("Source"))
	for _, driver := range m.at("VolumeOptions", "DriverConfig") {
		for _, options := range driver.all("Options") {
			if d := t.options(e, driver.string("Name"), options); d != "" {
				device = d
			}
		}
	}
	readOnly := "false"
	if v := m.last("ReadOnly"); v != nil {
		readOnly = string(e.body[v.start:v.end])
	}
	t.add(spec{target: m.string("Target")}, e.look.Source(device).Below, other, func(place, host string) {
		c.added = append(c.added, place)
		e.after(m, `{"Type":"bind","Source":`+quote(host)+`,"Target":`+quote(place)+`,"ReadOnly":`+readOnly+`}`)
	})
}

// options changes the device in the options of a volume of the local driver that is a bind mount, and
// returns the device as the client wrote it; "" for any other volume.
func (t *Translator) options(e *edits, driver string, options *node) (device string) {
	if driver != "" && driver != "local" || options == nil {
		return ""
	}
	bound := false
	for _, o := range options.entry("o") {
		for flag := range strings.SplitSeq(o.text, ",") {
			bound = bound || flag == "bind" || flag == "rbind"
		}
	}
	if !bound {
		return ""
	}
	for _, d := range options.entry("device") {
		device = d.text
		if s := t.source(e, d.text); s.Host != d.text {
			e.set(d, s.Host)
		}
	}
	return device
}

// device returns the device of a volume by name, where there is a place that differs below it.
func (t *Translator) device(volume string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	device, _ := t.volumes.get(volume)
	return device
}
