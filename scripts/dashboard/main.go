// Command dashboard draws docs/grafana.json's panels as an SVG from what a Prometheus answers to their expressions. It
// fails if a panel has no data. It is no Grafana: it knows the two kinds of panels that are in that file.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// board is what is read of the dashboard.
type board struct {
	Title  string
	Panels []panel
}

type panel struct {
	Title, Type string
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr, LegendFormat string }
	series      []series
}

// series is one line of a panel.
type series struct {
	legend string
	points [][2]float64 // seconds since 1970, value
}

func main() {
	log.SetFlags(0)
	server := flag.String("url", "", "the Prometheus")
	minutes := flag.Float64("minutes", 5, "how long back")
	flag.Parse()
	data, err := os.ReadFile(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(data, &b); err != nil {
		log.Fatal(err)
	}
	to := time.Now()
	from := to.Add(-time.Duration(*minutes * float64(time.Minute)))
	for i := range b.Panels {
		if err := b.Panels[i].ask(*server, from, to); err != nil {
			log.Fatalf("%s: %v", b.Panels[i].Title, err)
		}
	}
	os.Stdout.Write(b.draw(from, to))
}

// ask fills a panel's series.
func (p *panel) ask(server string, from, to time.Time) error {
	for _, t := range p.Targets {
		all := regexp.MustCompile(`\$(runner|instance)\b`).ReplaceAllString(t.Expr, ".*") // the variables' allValue
		q := url.Values{"query": {all}, "start": {seconds(from)}, "end": {seconds(to)}, "step": {"2"}}
		got, err := query(server + "/api/v1/query_range?" + q.Encode())
		if err != nil {
			return fmt.Errorf("%s: %w", all, err)
		}
		if len(got) == 0 {
			return fmt.Errorf("%s: no data", all)
		}
		for _, r := range got {
			s := series{legend: legend(t.LegendFormat, r.Metric)}
			for _, v := range r.Values {
				at, _ := v[0].(float64)
				text, _ := v[1].(string)
				value, err := strconv.ParseFloat(text, 64)
				if err != nil {
					return err
				}
				s.points = append(s.points, [2]float64{at, value})
			}
			p.series = append(p.series, s)
		}
	}
	slices.SortFunc(p.series, func(a, b series) int { return strings.Compare(a.legend, b.legend) })
	return nil
}

type result struct {
	Metric map[string]string
	Values [][2]any
}

func query(address string) ([]result, error) {
	res, err := http.Get(address)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []result }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s", answer.Error)
	}
	return answer.Data.Result, nil
}

// legend fills in a series' labels, as Grafana does.
func legend(format string, labels map[string]string) string {
	return regexp.MustCompile(`{{(\w+)}}`).ReplaceAllStringFunc(format, func(s string) string { return labels[s[2:len(s)-2]] })
}

func seconds(t time.Time) string { return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64) }
