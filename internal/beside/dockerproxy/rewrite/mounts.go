package rewrite

// mounts changes the objects of an array of mounts, as HostConfig.Mounts and a service's ContainerSpec
// have them (api/types/mount).
func (t *Translator) mounts(e *edits, array *node, other taken, c *container) {
	for _, m := range array.items() {
		switch m.string("Type") {
		case "bind", "": // of a second array under one key, the daemon takes what is missing from the first
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
		t.keepSource(c, target, source.text, s.Host)
		if s.Host != source.text {
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
