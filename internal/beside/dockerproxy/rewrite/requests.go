package rewrite

import (
	"path"
	"strings"
)

// Created takes the daemon's answer to a request: the status code and the body.
type Created func(status int, body []byte)

// ContainerCreate changes the body of POST /containers/create. created is to be given the answer, before
// the client gets it. An error is for the client: what it asked for cannot be done.
func (t *Translator) ContainerCreate(body []byte) (out []byte, created Created, err error) {
	n, ok := parse(body)
	if !ok {
		return body, nil, nil
	}
	e := t.edits(body, lasts(body, n))
	c := &container{}
	if err := t.hostConfigs(e, n, c); err != nil {
		return nil, nil, err
	}
	return e.apply(), t.remember("", "", c), nil
}

// ContainerStart is the same for POST /containers/{id}/start, whose body was a HostConfig before API 1.24. Whether
// the container can outlive the job is not in it.
func (t *Translator) ContainerStart(id string, body []byte) (out []byte, created Created, err error) {
	n, ok := parse(body)
	if !ok {
		return body, nil, nil
	}
	e := t.edits(body, true)
	c := &container{}
	if err := t.hostConfigs(e, n, c); err != nil {
		return nil, nil, err
	}
	if len(e.list) == 0 {
		return body, nil, nil // what is known of the container holds
	}
	return e.apply(), t.remember(id, "/containers/"+id+"/json", c), nil
}

// hostConfigs returns what says in a request how a container is made on the host. Daemons before API 1.46 take it at
// the top too, if there is no HostConfig.
func hostConfigs(n *node) (hosts []*node) {
	for _, host := range n.all("HostConfig") {
		if host.kind == '{' {
			hosts = append(hosts, host)
		}
	}
	if last := n.last("HostConfig"); n.kind == '{' && (last == nil || last.kind != '{') {
		hosts = append(hosts, n)
	}
	return hosts
}

// hostConfigs changes what says how a container is made.
func (t *Translator) hostConfigs(e *edits, n *node, c *container) error {
	other := targets(n)
	for _, host := range hostConfigs(n) {
		for _, array := range host.all("Binds") {
			if err := t.binds(e, array, other, c); err != nil {
				return err
			}
		}
		for _, array := range host.all("Mounts") {
			t.mounts(e, array, other, c)
		}
		t.volumesFrom(e, host, other, c)
	}
	return nil
}

// targets lists the places in a container that a request mounts something on.
func targets(n *node) taken {
	var out taken
	add := func(place string) { out = append(out, path.Clean(place)) }
	for _, volumes := range n.all("Volumes") {
		for _, place := range volumes.names {
			add(place.text)
		}
	}
	for _, host := range hostConfigs(n) {
		for _, binds := range host.all("Binds") {
			for _, item := range binds.items() {
				if b, ok := parseBind(item.text); ok {
					add(b.target)
				} else {
					add(item.text)
				}
			}
		}
		for _, tmpfs := range host.all("Tmpfs") {
			for _, place := range tmpfs.names {
				add(place.text)
			}
		}
		for _, mounts := range host.all("Mounts") {
			for _, m := range mounts.items() {
				add(m.string("Target"))
			}
		}
	}
	return out
}

// VolumeCreate changes the body of POST /volumes/create. created is to be given the answer: a volume of that name that
// is there already stays what it is.
func (t *Translator) VolumeCreate(body []byte) (out []byte, created Created) {
	n, ok := parse(body)
	if !ok {
		return body, nil
	}
	e := t.edits(body, true)
	for _, options := range n.all("DriverOpts") {
		t.options(e, n.string("Driver"), options)
	}
	return e.apply(), func(status int, body []byte) {
		if status >= 200 && status <= 299 {
			t.learn(body)
		}
	}
}

// Service changes the body of POST /services/create and, with the service's id or name, POST
// /services/{id}/update. created is to be given the answer.
func (t *Translator) Service(id string, body []byte) (out []byte, created Created) {
	n, ok := parse(body)
	if !ok {
		return body, nil
	}
	e := t.edits(body, true)
	c := &container{}
	for _, spec := range n.at("TaskTemplate", "ContainerSpec") {
		var other taken
		for _, array := range spec.all("Mounts") {
			for _, m := range array.items() {
				other = append(other, path.Clean(m.string("Target")))
			}
		}
		for _, array := range spec.all("Mounts") {
			t.mounts(e, array, other, c)
		}
	}
	if len(e.list) == 0 && id == "" {
		return body, nil
	}
	return e.apply(), t.remember(id, "/services/"+id, c)
}

// remember returns what takes the id of a new container or service from the daemon's answer, and keeps what was changed
// in it. called is the id, or the name, if the client has said it: the daemon is asked for its id by a GET of target.
func (t *Translator) remember(called, target string, c *container) Created {
	return func(status int, body []byte) {
		if status < 200 || status > 299 {
			return
		}
		id := called
		if isName(called) {
			body = t.Ask(target)
		}
		if answer, ok := parse(body); ok && answer.string("Id") != "" {
			id = strings.Clone(answer.string("Id"))
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if _, known := t.containers.get(id); known || c.changed || len(c.added) > 0 {
			t.containers.put(id, c)
		}
	}
}
