package dockerproxy

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

// FuzzRoute: what is changed in a request's target is the filters' value only, as Go's own server, which
// dockerd is, reads it; and requests that differ in the version of the API only are treated alike.
func FuzzRoute(f *testing.F) {
	for _, seed := range []string{
		"/containers/json?filters=%7B%22volume%22%3A%7B%22%2Ftst%2F_temp%2Fa%22%3Atrue%7D%7D&x=%zz", "/v1.41/containers/json?all=1&filters={\"volume\":[\"/tst/_temp\"]}&filters=x",
		"/containers/create", "/services/a%2Fb/update?version=3", "/volumes/", "http://docker/v1/system/df?a;b", "*", "/%zz", "//containers/json", "/v/json", "/containers/json?filters=+",
	} {
		f.Add("GET", seed)
		f.Add("POST", seed)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		translator := rewrite.New(rewrite.Job{Temp: hostpath.Redirect{Job: "/tst/_temp", Host: "/tst/p"}})
		x := router{translator}.route(method, target)
		if strings.HasPrefix(target, "/") && !strings.HasPrefix(target, "/v") && !strings.ContainsAny(target, "%") {
			with := router{translator}.route(method, "/v1.41"+target)
			if (with.Request == nil) != (x.Request == nil) || (with.Response == nil) != (x.Response == nil) || (with.Target == "") != (x.Target == "") {
				t.Fatalf("%s %s is treated in another way with a version before it", method, target)
			}
		}
		if x.Target == "" {
			return
		}
		if method != http.MethodGet {
			t.Fatalf("%s %s became %s", method, target, x.Target)
		}
		given, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		sent, err := url.ParseRequestURI(x.Target)
		if err != nil || sent.EscapedPath() != given.EscapedPath() {
			t.Fatalf("%s became %s (%v)", target, x.Target, err)
		}
		before, after := given.Query(), sent.Query()
		if slices.Equal(before["filters"], after["filters"]) {
			t.Fatalf("%s became %s for nothing", target, x.Target)
		}
		before.Del("filters")
		after.Del("filters")
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("%s became %s, and not in its filters only", target, x.Target)
		}
	})
}

// FuzzArgs: the command line of the proxy's process gives back the configuration that it was made from.
func FuzzArgs(f *testing.F) {
	f.Add("/var/run/docker.sock", "/w/.worker-wrap/1.sock", "/w/_temp", "/w/.worker-wrap/1", "", "/d", "")
	f.Add("/a=b", "/\n", "/ x", "/=", "/h=", "", "/log")
	f.Add("", "relative", "/", "/", "/", "/", "/")
	f.Fuzz(func(t *testing.T, socket, own, temp, private, hidden, diag, log string) {
		c := Config{Real: socket, Socket: own, Temp: temp, Private: private, Hidden: hidden, Diag: diag, Log: log}
		if !strings.Contains(temp, "=") { // as of none of the places
			c.Places = []hostpath.Redirect{{Job: temp, Host: private}}
		}
		got, err := parseArgs(c.args()[1:])
		valid := true
		for _, path := range []string{socket, own, temp, private} {
			valid = valid && strings.HasPrefix(path, "/")
		}
		for _, path := range []string{hidden, diag, log} {
			valid = valid && (path == "" || strings.HasPrefix(path, "/"))
		}
		if valid != (err == nil) || valid && !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v became %+v (%v)", c, got, err)
		}
	})
}
