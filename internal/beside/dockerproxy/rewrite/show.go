package rewrite

import (
	"path"
	"slices"
)

// Show changes an answer's paths back to what the job wrote, and leaves out additions. Each of the functions below is
// for the answers of one kind of request; one of another form passes as it is.
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
		c := t.known(n.string("ServiceID"), n.string("ID"))
		for _, path := range [][]string{
			{"Spec", "TaskTemplate", "ContainerSpec", "Mounts"},
			{"PreviousSpec", "TaskTemplate", "ContainerSpec", "Mounts"},
			{"Spec", "ContainerSpec", "Mounts"},
		} {
			for _, array := range n.at(path...) {
				t.showMounts(e, array, "Target", c)
			}
		}
		for _, text := range n.at("Status", "Err") {
			t.showText(e, text)
		}
	})
}

// Errors is for an answer that is an error, and for the one of POST /containers/{id}/wait, which has one in it.
func Errors(t *Translator, body []byte) []byte {
	return t.show(body, func(e *edits, n *node) {
		for _, text := range append(n.all("message"), n.at("Error", "Message")...) {
			t.showText(e, text)
		}
	})
}

// DiskUsage is for GET /system/df, which answers in another form from API 1.52 on.
func DiskUsage(t *Translator, body []byte) []byte {
	return t.show(body, func(e *edits, n *node) {
		t.each(e, append(n.all("Containers"), n.at("ContainerUsage", "Items")...), t.showContainer)
		t.each(e, append(n.all("Volumes"), n.at("VolumeUsage", "Items")...), t.showVolume)
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

// known returns what was changed in the first of these containers or services that is known, or nil.
func (t *Translator) known(ids ...string) *container {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, id := range ids {
		if c, ok := t.containers.get(id); ok {
			return c
		}
	}
	return nil
}

// changes returns what was changed in a container, or in the service whose task it is.
func (t *Translator) changes(n *node) *container {
	ids := []string{n.string("Id")}
	for _, labels := range append(n.all("Labels"), n.at("Config", "Labels")...) {
		for _, id := range labels.entry("com.docker.swarm.service.id") {
			ids = append(ids, id.text)
		}
	}
	return t.known(ids...)
}

func (t *Translator) showContainer(e *edits, n *node) {
	c := t.changes(n)
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
	for _, text := range n.at("State", "Error") {
		t.showText(e, text)
	}
}

// showBind shows a bind as it was written; or, if the daemon writes it in its own way, as Podman does, with the source
// that was written.
func (t *Translator) showBind(e *edits, item *node, b bind, c *container) {
	if c != nil {
		if written, ok := c.binds[item.text]; ok {
			e.set(item, written)
			return
		}
	}
	if job := c.source(t, b.target, b.source); job != b.source && path.IsAbs(b.source) {
		b.source = path.Clean(job)
		e.set(item, b.String())
	}
}

// source returns what the job wrote for the source of the mount at place, which is host. c may be nil.
func (c *container) source(t *Translator, place, host string) string {
	if c == nil {
		return t.shown(host)
	}
	if written, ok := c.sources[path.Clean(place)]; ok {
		return written
	}
	return t.plain(host)
}

// showMounts is for an array of mounts. As the client wrote them, the place in the container is the field Target. As
// the daemon has them, it is Destination, and the source is cleaned.
func (t *Translator) showMounts(e *edits, array *node, field string, c *container) {
	e.drop(array, func(m *node) bool { return c.has(m.string(field)) })
	for _, m := range array.items() {
		target := path.Clean(m.string(field))
		if c.has(target) {
			continue
		}
		if written, ok := c.mount(target); ok && field == "Target" {
			e.replace(m, written)
			continue
		}
		for _, source := range m.all("Source") {
			if !path.IsAbs(source.text) {
				continue
			}
			job := c.source(t, target, source.text)
			if field == "Destination" {
				job = path.Clean(job)
			}
			if job != source.text {
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

// mount returns the JSON of the mount at place that became another. c may be nil.
func (c *container) mount(place string) (written string, ok bool) {
	if c != nil {
		written, ok = c.mounts[place]
	}
	return written, ok
}
