package dockerproxy

import (
	"net/url"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/tunnel"
)

// router knows which requests of the Engine API have host paths in them.
type router struct{ t *rewrite.Translator }

// route says what to change in a request.
func (r router) route(method, target string) tunnel.Exchange {
	p, query, _ := strings.Cut(target, "?")
	parts, ok := split(p)
	if !ok {
		return tunnel.Exchange{}
	}
	switch method {
	case "POST":
		return r.post(parts)
	case "GET":
		return r.get(parts, p, query)
	case "DELETE":
		if is(parts, "volumes", "*") {
			r.t.ForgetVolumes()
		}
	}
	return tunnel.Exchange{}
}

// split takes the path of a target apart, without the version of the API (/v1.41, as dockerd's router has
// it: /v{version:[0-9.]+}).
func split(p string) (parts []string, ok bool) {
	if _, rest, found := strings.Cut(p, "://"); found && !strings.HasPrefix(p, "/") { // in absolute form
		_, p, _ = strings.Cut(rest, "/")
		p = "/" + p
	}
	p, err := url.PathUnescape(p)
	if err != nil || !strings.HasPrefix(p, "/") {
		return nil, false
	}
	parts = strings.Split(p[1:], "/")
	if v, found := strings.CutPrefix(parts[0], "v"); found && v != "" && strings.Trim(v, "0123456789.") == "" {
		parts = parts[1:]
	}
	return parts, true
}

// is reports whether the path has this form, in which * stands for one part.
func is(parts []string, form ...string) bool {
	if len(parts) != len(form) {
		return false
	}
	for i := range form {
		if form[i] != "*" && form[i] != parts[i] || parts[i] == "" {
			return false
		}
	}
	return true
}

func (r router) post(parts []string) tunnel.Exchange {
	x := r.change(parts)
	change := x.Request
	if change != nil {
		x.Request = func(body []byte) ([]byte, error) {
			if err := r.t.CheckHidden(body); err != nil {
				return nil, err
			}
			return change(body)
		}
	}
	return x
}

// change says what to change in a POST request.
func (r router) change(parts []string) tunnel.Exchange {
	switch {
	case is(parts, "containers", "create"):
		return r.creating(r.t.ContainerCreate)
	case is(parts, "services", "create"):
		return r.creating(func(body []byte) ([]byte, rewrite.Created, error) {
			out, created := r.t.Service("", body)
			return out, created, nil
		})
	case is(parts, "services", "*", "update"):
		return r.creating(func(body []byte) ([]byte, rewrite.Created, error) {
			out, created := r.t.Service(parts[1], body)
			return out, created, nil
		})
	case is(parts, "volumes", "create"):
		x := r.creating(func(body []byte) ([]byte, rewrite.Created, error) {
			out, created := r.t.VolumeCreate(body)
			return out, created, nil
		})
		answer := x.Response
		x.Response = func(status int, body []byte) []byte { return rewrite.Volumes(r.t, answer(status, body)) }
		return x
	case is(parts, "volumes", "prune"):
		r.t.ForgetVolumes()
	case is(parts, "containers", "*", "start"):
		return r.creating(func(body []byte) ([]byte, rewrite.Created, error) { return r.t.ContainerStart(parts[1], body) })
	case is(parts, "containers", "*", "restart"):
		return tunnel.Exchange{Response: r.failed}
	case is(parts, "containers", "*", "wait"):
		return tunnel.Exchange{Response: func(_ int, body []byte) []byte { return rewrite.Errors(r.t, body) }}
	}
	return tunnel.Exchange{}
}

// failed changes an answer that is an error.
func (r router) failed(status int, body []byte) []byte {
	if status < 400 {
		return body
	}
	return rewrite.Errors(r.t, body)
}

// creating is for a request whose answer has the id of what was made.
func (r router) creating(change func([]byte) ([]byte, rewrite.Created, error)) tunnel.Exchange {
	var created rewrite.Created
	return tunnel.Exchange{
		Request: func(body []byte) (out []byte, err error) {
			out, created, err = change(body)
			return out, err
		},
		Response: func(status int, body []byte) []byte {
			if created != nil {
				created(status, body)
			}
			return r.failed(status, body)
		},
	}
}

func (r router) get(parts []string, p, query string) tunnel.Exchange {
	var show rewrite.Show
	var x tunnel.Exchange
	switch {
	case is(parts, "containers", "json"):
		show = rewrite.Containers
		if changed := r.filters(query); changed != query {
			x.Target = p + "?" + changed
		}
	case is(parts, "containers", "*", "json"):
		show = rewrite.Containers
	case is(parts, "volumes"), is(parts, "volumes", "*"):
		show = rewrite.Volumes
	case is(parts, "services"), is(parts, "services", "*"), is(parts, "tasks"), is(parts, "tasks", "*"):
		show = rewrite.Services
	case is(parts, "system", "df"):
		show = rewrite.DiskUsage
	}
	if show != nil {
		x.Response = func(_ int, body []byte) []byte { return show(r.t, body) }
	}
	return x
}

// filters changes the paths in the filters parameter of a query, and nothing else in it.
func (r router) filters(query string) string {
	parameters := strings.Split(query, "&")
	for i, parameter := range parameters {
		value, ok := strings.CutPrefix(parameter, "filters=")
		if !ok {
			continue
		}
		filters, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		if changed := string(r.t.Filters([]byte(filters))); changed != filters {
			parameters[i] = "filters=" + url.QueryEscape(changed)
		}
	}
	return strings.Join(parameters, "&")
}
