package main

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
)

func sample() report {
	r := report{Machine: "Linux <6.18> & more", Date: "2026-01-02"}
	for i, mounts := range []int{20, 1020, 5020} {
		scale := float64(i*i*10 + 1)
		r.Series = append(r.Series, series{Mounts: mounts, Rounds: 100, Times: []timing{
			{peer: peer{Name: "bare"}, Median: 400},
			{peer: peer{Name: "floor", Label: "floor"}, Median: 400 + 500*scale},
			{peer: peer{Name: "way1", Label: "own"}, Median: 400 + 1000*scale},
			{peer: peer{Name: "bwrap", Label: "bwrap"}, Median: 400 + 2000*scale*scale},
		}})
	}
	return r
}

func TestCostIsOverBareAndRatioOverTheFloor(t *testing.T) {
	s := sample().Series[0]
	way1, ok := s.find("way1")
	if !ok || s.cost(way1) != 1000 || s.ratio(way1) != 2 {
		t.Errorf("cost %v, ratio %v; want 1000 and 2", s.cost(way1), s.ratio(way1))
	}
}

func TestTargetsAreStricterWithManyMounts(t *testing.T) {
	var out strings.Builder
	r := sample()
	if r.printTargets(&out) {
		t.Error("a ratio of 2 passes for 5,020 mounts")
	}
	r.Series = r.Series[:2]
	if out.Reset(); !r.printTargets(&out) {
		t.Errorf("a ratio of 2 fails with few mounts:\n%s", out.String())
	}
	r.Series[0].Times[3].Median = 900
	if out.Reset(); r.printTargets(&out) || !strings.Contains(out.String(), "MISSED 20 mounts: way1 costs 2.00 × bwrap") {
		t.Errorf("dearer than bwrap passes:\n%s", out.String())
	}
}

func TestPictureIsWellFormedAndLabelsStandApart(t *testing.T) {
	r := sample()
	svg := string(picture(r))
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(svg, "<polyline"); got != 3 {
		t.Errorf("%d lines drawn, want 3", got)
	}
	lines := linesOf(r)
	place(lines, func(float64) float64 { return 100 })
	for i := range lines {
		for j := range i {
			if math.Abs(lines[i].at-lines[j].at) < labelStep-1 {
				t.Errorf("labels %s and %s overlap: %v and %v", lines[i].label, lines[j].label, lines[i].at, lines[j].at)
			}
		}
	}
}
