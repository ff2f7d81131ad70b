package rewrite

import (
	"path"
	"slices"
)

// Show changes an answer's paths back to what the job wrote, and leaves out what was added.
// Each of the functions below is for the answers of one kind of request; what is not of that form passes
// as it is.
type Show func(t *Translator, body []byte) []byte

// Containers is for GET /containers/{id}/json, which answers with one, and GET /containers/json.
func Containers(t *Translator, body []byte) []byte { return t.show(body, t.showContainer) }

// Volumes is for GET and POST of one volume, and for GET /volumes.
func Volumes(t *Translator, body []byte) []byte {
	return t.show(body, func(e *edits, n *node) {
		t.showVolume(e, n)
		t.each(e, n.all("Volumes"), t.showVolume)
	})
}

// Services is for GET /services, GET /tasks, and each of one.
func Services(t *Translator, body []byte) []byte {
	return t.show(body, func(e *edits, n *node) {
		c := t.changes(n.string("ServiceID"))
		if c == nil {
			c = t.changes(n.string("ID"))
		}
		for _, path := range [][]string{
			{"Spec", "TaskTemplate", "ContainerSpec", "Mounts"},
			{"PreviousSpec", "TaskTemplate", "ContainerSpec", "Mounts"},
			{"Spec", "ContainerSpec", "Mounts"},
		} {
			for _, array := range n.at(path...) {
				t.showMounts(e, array, "Target", c)
			}
		}
	})
}

// DiskUsage is for GET /system/df.
func DiskUsage(t *Translator, body []byte) []byte {
	return t.show(body, func(e *edits, n *node) {
		t.each(e, n.all("Containers"), t.showContainer)
		t.each(e, n.all("Volumes"), t.showVolume)
	})
}

func (t *Translator) show(body []byte, f func(*edits, *node)) []byte {
	n, ok := parse(body)
	if !ok {
		return body
	}
	e := &edits{body: body}
	if n.kind == '[' {
		t.each(e, []*node{n}, f)
	} else {
		f(e, n)
	}
	return e.apply()
}

func (t *Translator) each(e *edits, arrays []*node, f func(*edits, *node)) {
	for _, array := range arrays {
		for _, n := range array.items() {
			f(e, n)
		}
	}
}

// changes returns what was changed in a container or service, or nil.
func (t *Translator) changes(id string) *container {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, _ := t.containers.get(id)
	return c
}

func (t *Translator) showContainer(e *edits, n *node) {
	c := t.changes(n.string("Id"))
	for _, array := range n.at("HostConfig", "Binds") {
		e.drop(array, func(item *node) bool {
			b, ok := parseBind(item.text)
			return ok && c.has(b.target)
		})
		for _, item := range array.items() {
			if b, ok := parseBind(item.text); ok && !c.has(b.target) {
				t.showBind(e, item, b, c)
			}
		}
	}
	for _, array := range n.at("HostConfig", "Mounts") {
		t.showMounts(e, array, "Target", c)
	}
	for _, array := range n.all("Mounts") {
		t.showMounts(e, array, "Destination", c)
	}
}

func (t *Translator) showBind(e *edits, item *node, b bind, c *container) {
	if c != nil {
		if written, ok := c.binds[item.text]; ok {
			e.set(item, written)
		}
		return
	}
	if job := t.shown(b.source); job != b.source {
		b.source = job
		e.set(item, b.String())
	}
}

// showMounts is for an array of mounts as the client wrote them, where the place in the container is the
// field Target, or as the daemon has them, where it is Destination and the source is cleaned.
func (t *Translator) showMounts(e *edits, array *node, field string, c *container) {
	e.drop(array, func(m *node) bool { return c.has(m.string(field)) })
	for _, m := range array.items() {
		target := path.Clean(m.string(field))
		if c.has(target) {
			continue
		}
		for _, source := range m.all("Source") {
			job := source.text
			if c == nil {
				job = t.shown(job)
			} else if written, ok := c.sources[target]; ok {
				job = written
			}
			if field == "Destination" {
				job = path.Clean(job)
			}
			if job != source.text && source.text != "" {
				e.set(source, job)
			}
		}
		for _, options := range m.at("VolumeOptions", "DriverConfig", "Options") {
			t.showDevice(e, options)
		}
	}
}

func (t *Translator) showVolume(e *edits, n *node) {
	for _, options := range n.all("Options") {
		t.showDevice(e, options)
	}
}

func (t *Translator) showDevice(e *edits, options *node) {
	for _, device := range options.entry("device") {
		if job := t.shown(device.text); job != device.text {
			e.set(device, job)
		}
	}
}

// has reports whether a mount at place was added. c may be nil.
func (c *container) has(place string) bool {
	return c != nil && slices.Contains(c.added, path.Clean(place))
}
