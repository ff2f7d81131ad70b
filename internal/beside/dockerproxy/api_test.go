package dockerproxy

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/tunnel"
)

// TestDocumentedAPI walks the table in docs/docker.md: what it says becomes of each host path does.
func TestDocumentedAPI(t *testing.T) {
	text, err := os.ReadFile("../../../docs/docker.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- api table -->\n")
	table, _, ok := strings.Cut(table, "<!-- /api table -->")
	rows := strings.Split(strings.TrimSpace(table), "\n")
	if !ok || len(rows) < 3 {
		t.Fatal("docs/docker.md has no such table")
	}
	for _, row := range rows[2:] {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		if len(cells) != 4 {
			t.Fatalf("the row %q has %d cells", row, len(cells))
		}
		kind, asked, _ := strings.Cut(cells[0], "`")
		method, target, _ := strings.Cut(strings.Trim(asked, "`"), " ")
		target = strings.NewReplacer("{id}", "x", "{name}", "x").Replace(target)
		walk(t, row, kind, method, "/v1.56"+target, strings.Trim(cells[1], "`"), cells[3])
	}
}

const (
	apiTemp, apiPrivate = "/tst/work/_temp", "/tst/work/.worker-wrap/1"
)

func walk(t *testing.T, row, kind, method, target, field, becomes string) {
	t.Helper()
	r := router{rewrite.New(rewrite.Job{
		Temp: hostpath.Redirect{Job: apiTemp, Host: apiPrivate}, Runner: []string{"/tst/work"},
		Ask: func(asked string) []byte {
			return map[string][]byte{
				"/volumes/known":         []byte(`{"Name":"known","Driver":"local","Options":{"o":"bind","device":"/tst/work"}}`),
				"/containers/known/json": []byte(`{"Id":"k","Mounts":[{"Type":"bind","Source":"/tst/work","Destination":"/w","RW":true}]}`),
			}[asked]
		},
	})}
	if value, ok := strings.CutPrefix(field, "?filters."); ok {
		x := r.route(method, target+"?filters="+url.QueryEscape(`{"`+value+`":["`+apiTemp+`/a"]}`))
		if x.Target != target+"?filters="+url.QueryEscape(`{"`+value+`":["`+apiPrivate+`/a"]}`) || becomes != "rewritten" {
			t.Errorf("%s: %q", row, x.Target)
		}
		return
	}
	var from, to, got string
	x := r.route(method, target)
	switch kind {
	case "":
		from, to = apiTemp, apiPrivate
		got = string(changed(t, x, build(t, field, from)))
	case "answer to ", "error of ":
		from, to = apiPrivate, apiTemp
		status := map[string]int{"answer to ": 200, "error of ": 400}[kind]
		body := build(t, field, from)
		if got = string(body); x.Response != nil {
			got = string(x.Response(status, body))
		}
	default:
		t.Fatalf("%s: what is that?", row)
	}
	switch becomes {
	case "rewritten", "shown":
		if !strings.Contains(got, to) || strings.Contains(got, from) || (becomes == "shown") != (kind != "") {
			t.Errorf("%s: became %s", row, got)
		}
	case "as it comes":
		if got != string(build(t, field, from)) {
			t.Errorf("%s: became %s", row, got)
		}
	default:
		t.Errorf("%s: becomes %q?", row, becomes)
	}
}

func changed(t *testing.T, x tunnel.Exchange, body []byte) []byte {
	t.Helper()
	if x.Request == nil {
		return body
	}
	out, err := x.Request(body)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// build makes a body that has a path below that place at a field, and around it what makes it one that counts.
func build(t *testing.T, field, place string) []byte {
	t.Helper()
	var value any = place + "/a"
	name := field[strings.LastIndex(field, ".")+1:]
	switch name {
	case "Binds[]":
		value = place + "/a:/t"
	case "message", "Error", "Err":
		value = "no such thing: " + place + "/a"
	case "Subpath":
		value = "_temp/a"
	case "VolumesFrom[]":
		value = "known"
	}
	steps := strings.Split(field, ".")
	for i := len(steps) - 1; i >= 0; i-- {
		key, array := strings.CutSuffix(steps[i], "[]")
		if array {
			value = []any{value}
		}
		if key == "" {
			continue
		}
		around := map[string]any{key: value}
		switch key {
		case "Source":
			around["Type"], around["Target"], around["Destination"] = "bind", "/t", "/t"
		case "VolumeOptions":
			around["Type"], around["Target"], around["Source"] = "volume", "/t", "other"
			if name == "Subpath" {
				around["Source"] = "known"
			}
		case "device":
			around["type"], around["o"] = "none", "bind"
		}
		value = around
	}
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
