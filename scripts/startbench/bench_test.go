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
			{peer: peer{Name: "alone", Label: "own"}, Median: 400 + 400},
			{peer: peer{Name: "bwrap", Label: "bwrap"}, Median: 400 + 2000*scale*scale},
			{peer: peer{Name: "always", Label: "always"}, Median: 2400},
			{peer: peer{Name: "always-old"}, Median: 2400},
		}})
	}
	return r
}

func TestCostIsOverBareAndRatioOverTheFloor(t *testing.T) {
	s := sample().Series[0]
	alone, ok := s.find("alone")
	if !ok || s.cost(alone) != 400 || s.ratio(alone) != 0.8 {
		t.Errorf("cost %v, ratio %v; want 400 and 0.8", s.cost(alone), s.ratio(alone))
	}
}

func TestTargets(t *testing.T) {
	var out strings.Builder
	if r := sample(); !r.printTargets(&out) || strings.Count(out.String(), "met ") != 7 {
		t.Errorf("of what is met:\n%s", out.String())
	}
	for want, spoil := range map[string]func(*report){
		"MISSED   20 mounts: alone / floor: 1.00; wanted: at most 0.95":                      func(r *report) { r.Series[0].Times[1].Median = 800 },
		"MISSED   20 mounts: alone / bwrap: 0.40; wanted: at most 0.25":                      func(r *report) { r.Series[0].Times[3].Median = 1400 },
		"MISSED 5020 mounts: alone / alone at 20 mounts: 2.00; wanted: at most 1.10":         func(r *report) { r.Series[2].Times[2].Median = 1200 },
		"MISSED 1020 mounts: always / always-old: 2.00; wanted: at most 1.03":                func(r *report) { r.Series[1].Times[5].Median = 1400 },
		"MISSED   20 mounts: 32 alone at once / 32 bare at once: 1.50; wanted: at most 1.30": func(r *report) { r.Series[0].Crowd = crowd{Size: 32, Bare: 10, Alone: 15} },
		"MISSED   20 mounts: kB of a keeper's own memory: 120.00; wanted: at most 100.00":    func(r *report) { r.Series[0].Keeper = []int{36, 120} },
	} {
		r := sample()
		spoil(&r)
		out.Reset()
		if r.printTargets(&out) || !strings.Contains(out.String(), want) {
			t.Errorf("not said: %s\n%s", want, out.String())
		}
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
	if got := strings.Count(svg, "<polyline"); got != 4 {
		t.Errorf("%d lines drawn, want 4", got)
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
