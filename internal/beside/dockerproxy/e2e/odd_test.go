package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// oddBodies are containers that no client asks for, but a daemon takes or refuses in its way. {T} is _temp, {E} the same
// with escapes, and {I} the image, with a command.
var oddBodies = []string{
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a:ro"]}}`,
	`{"Image":"{I}","hostconfig":{"networkMODE":"none","bindS":["{T}/a:/a"]}}`,
	`{"Image":"{I}","HostConfig":{"Bind` + "\u017f" + `":["{T}/a:/a"],"NetworkMode":"none"}}`,
	`{"Image":"{I}","Host\u0043onfig":{"\u0042inds":["{E}\/a:\/a"],"NetworkMode":"none"}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a"]},"HostConfig":{"Binds":["{T}/b:/b","{T}/c:/c"]}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a"],"Binds":null}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a"]},"HostConfig":null}`,
	`{"Image":"{I}","HostConfig":null,"NetworkMode":"none","Binds":["{T}/a:/a"]}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Mounts":[{"Type":"bind","Source":"/etc","Target":"/a"}],"Mounts":[{"Source":"{T}","Target":"/b"}]}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Mounts":[{"source":"/etc","SOURCE":"{T}","target":"/a","tYPE":"bind"}]}}`,
	`{"Image":"{I}","New":{"deep":[[[{"x":1e999}]]],"big":123456789012345678901234567890},"HostConfig":{"NetworkMode":"none","Memory":9007199254740993,"Binds":["{T}/a:/a"]}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Memory":1e3,"Binds":["{T}/a:/a"]}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a",7]}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":"{T}/a:/a"}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/\ud800:/a","{T}/ä` + "\u2028" + `:/b"]}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a"]}} and more`,
	"\n\t" + `{"Image":"{I}" , "HostConfig" : {"NetworkMode":"none","Binds" : [ "{T}/a:/a" ] } }` + "\r\n\r\n",
	"\ufeff" + `{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a"]}}`,
	`{"Image":"{I}","HostConfig":{"NetworkMode":"none","Binds":["{T}/a:/a"]}`,
}

// oddForms are ways to send a body to a target; with how many answers before its own.
var oddForms = []struct {
	name   string
	before int
	form   func(target, body string) string
}{
	{"as usual", 0, func(target, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
	}},
	{"lower case, twice the same length", 0, func(target, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\nhost:d\ncontent-type:\tapplication/json; charset=utf-8\ncontent-length: %[2]d\ncontent-length:%[2]d\n\n%[3]s", target, len(body), body)
	}},
	{"in absolute form, escaped", 0, func(target, body string) string {
		return fmt.Sprintf("POST http://d%s HTTP/1.1\r\nHost: e\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", strings.Replace(target, "create", "c%72eate", 1), len(body), body)
	}},
	{"in chunks, with extensions and a trailer", 0, func(target, body string) string {
		half := len(body) / 2
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%s\r\n%04X\r\n%s\r\n0\r\nX-T: y\r\n\r\n", target, half, body[:half], len(body)-half, body[half:])
	}},
	{"after another in one go", 1, func(target, body string) string {
		return fmt.Sprintf("GET /_ping HTTP/1.1\r\nHost: d\r\n\r\nPOST %s HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
	}},
	{"as HTTP/1.0", 0, func(target, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.0\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
	}},
	{"when asked to continue", 1, func(target, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
	}},
}

// testOdd: what is asked for through the proxy is made as if the host's paths had been asked for without it.
func testOdd(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	made := func(socket, temp, body string, form int) string {
		t.Helper()
		conn, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
		target := "/v1.41/containers/create?name=odd"
		body = strings.NewReplacer("{T}", temp, "{E}", strings.ReplaceAll(temp, "/", `\/`), `"{I}"`, `"`+image+`","Cmd":["true"]`).Replace(body)
		if _, err := io.WriteString(conn, oddForms[form].form(target, body)); err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(conn)
		status := 0
		for range oddForms[form].before + 1 {
			answer, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			status = answer.StatusCode
			_, _ = io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
		}
		return fmt.Sprint(status, d.created(t, "odd"))
	}
	check := func(body string, form int) {
		t.Helper()
		got, want := made(w.proxySocket(), s.temp, body, form), made(s.socket, w.private, body, form)
		if got != want {
			t.Errorf("%s, %s:\nmade  %s\nmeant %s", body, oddForms[form].name, got, want)
		}
	}
	if got := made(w.proxySocket(), s.temp, oddBodies[0], 0); !strings.Contains(got, w.private+"/a:/a:ro") {
		t.Fatalf("made %s", got)
	}
	for _, body := range oddBodies {
		check(body, 0)
	}
	for form := range oddForms[1:] {
		check(oddBodies[0], form+1)
	}
}

// created returns how the daemon has made a container, "" if it has none of that name, and removes it.
func (d *daemon) created(t *testing.T, name string) string {
	t.Helper()
	client := d.client()
	defer client.CloseIdleConnections()
	answer, err := client.Get("http://docker/containers/" + name + "/json")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		HostConfig struct {
			Binds  []string
			Mounts any
			Memory int64
		}
	}
	err = json.NewDecoder(answer.Body).Decode(&c)
	answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusNotFound {
		return ""
	}
	remove, _ := http.NewRequest(http.MethodDelete, "http://docker/containers/"+name, nil)
	if answer, err = client.Do(remove); err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return fmt.Sprintf(" %+v", c.HostConfig)
}
