package dockerproxy

import (
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

func TestRoute(t *testing.T) {
	translator := rewrite.New(rewrite.Job{Temp: hostpath.Redirect{Job: "/tst/_temp", Host: "/tst/p"}})
	r := router{translator}
	for _, c := range []struct {
		method, target    string
		request, response bool
		changed           string
	}{
		{"POST", "/containers/create", true, true, ""},
		{"POST", "/v1.41/containers/create?name=x", true, true, ""},
		{"POST", "/v1.41.2/containers/create", true, true, ""},
		{"POST", "http://docker/v1.41/containers/create", true, true, ""},
		{"POST", "/v1.41/%63ontainers/create", true, true, ""},
		{"POST", "/vx/containers/create", false, false, ""},
		{"POST", "/v1.41/containers/create/", false, false, ""},
		{"POST", "/v1.41/containers/create2", false, false, ""},
		{"PUT", "/containers/create", false, false, ""},
		{"POST", "/volumes/create", true, true, ""},
		{"POST", "/services/create", true, true, ""},
		{"POST", "/services/abc/update?version=3", true, true, ""},
		{"POST", "/services//update", false, false, ""},
		{"POST", "/containers/abc/start", true, true, ""},
		{"POST", "/containers/abc/restart", false, true, ""},
		{"POST", "/containers/abc/wait?condition=next-exit", false, true, ""},
		{"POST", "/build?x", false, false, ""},
		{"POST", "/containers/create/attach", false, false, ""},
		{"GET", "/containers/abc/json?size=1", false, true, ""},
		{"GET", "/v1.41/containers/json?all=1&filters=%7B%22volume%22%3A%7B%22%2Ftst%2F_temp%2Fa%22%3Atrue%7D%7D&x=%zz", false, true, "/v1.41/containers/json?all=1&filters=%7B%22volume%22%3A%7B%22%2Ftst%2Fp%2Fa%22%3Atrue%7D%7D&x=%zz"},
		{"GET", "/containers/json?filters=%7B%22status%22%3A%5B%22running%22%5D%7D", false, true, ""},
		{"GET", "/containers/json?filters=%zz", false, true, ""},
		{"GET", "/volumes", false, true, ""},
		{"GET", "/volumes/v", false, true, ""},
		{"GET", "/services", false, true, ""},
		{"GET", "/tasks/t", false, true, ""},
		{"GET", "/system/df", false, true, ""},
		{"GET", "/containers/abc/logs?follow=1", false, false, ""},
		{"GET", "/events", false, false, ""},
		{"GET", "*", false, false, ""},
		{"GET", "/%zz", false, false, ""},
		{"HEAD", "/containers/abc/archive", false, false, ""},
	} {
		x := r.route(c.method, c.target)
		if (x.Request != nil) != c.request || (x.Response != nil) != c.response || x.Target != c.changed {
			t.Errorf("%s %s: %v %v %q", c.method, c.target, x.Request != nil, x.Response != nil, x.Target)
		}
	}
}
