package audit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// TestPageStandsAlone: every element is closed, and nothing is loaded from anywhere.
func TestPageStandsAlone(t *testing.T) {
	var page bytes.Buffer
	if err := Writers.HTML(run(t, issueDir), &page); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(bytes.NewReader(page.Bytes()))
	d.Strict, d.AutoClose = false, xml.HTMLAutoClose
	bars, rows := 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		class := ""
		for _, a := range element.Attr {
			switch a.Name.Local {
			case "class":
				class = a.Value
			case "src", "href", "style", "onload", "data":
				t.Errorf("<%s> has %s=%q", element.Name.Local, a.Name.Local, a.Value)
			}
		}
		switch {
		case element.Name.Local == "script", element.Name.Local == "link":
			t.Errorf("a <%s>", element.Name.Local)
		case element.Name.Local == "rect" && (class == "a" || class == "b"):
			bars++
		case element.Name.Local == "tr":
			rows++
		}
	}
	if bars != 2 || rows != 1+len(issueTable)+2 {
		t.Errorf("%d bars and %d rows", bars, rows)
	}
	if found := regexp.MustCompile(`https?://|url\(|@import`).FindString(page.String()); found != "" {
		t.Errorf("the page has %q", found)
	}
	if !strings.Contains(page.String(), `class="deadly"`) || !strings.Contains(page.String(), "A wipes _temp") {
		t.Error("the deadly cleanup is not marked")
	}
}

// TestPageStaysSmall: it does not grow with the number of jobs.
func TestPageStaysSmall(t *testing.T) {
	r := &Report{}
	for i := range input.Stamp(50_000) {
		start := 1776682800 + i*60
		r.lives = append(r.lives, &logs.Life{Group: &input.Group{}, Start: input.At{When: start}, End: input.At{When: start + 50}, ExitCode: -1})
	}
	r.count()
	var page bytes.Buffer
	if err := Writers.HTML(r, &page); err != nil {
		t.Fatal(err)
	}
	if page.Len() > 64<<10 {
		t.Errorf("%d bytes", page.Len())
	}
}
