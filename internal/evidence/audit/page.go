package audit

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"os"
	"strings"
	"time"
)

//go:embed page.html
var page string

const (
	maxPageIncidents = 500
	maxPageWeeks     = 104
)

// WriteHTML writes the report as one page that needs nothing else: no network, no script, no font.
func (r *Report) WriteHTML(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"summary":   Runner.summary,
		"totals":    Totals.list,
		"job":       Job.describe,
		"clock":     (*Incident).clock,
		"picture":   (*Incident).picture,
		"shim":      (*Shim).line,
		"skipped":   func(r *Report) []string { return r.Skipped.lines() },
		"first":     func(all []*Incident) []*Incident { return all[:min(len(all), maxPageIncidents)] },
		"lastWeeks": func(all []Week) []Week { return all[max(0, len(all)-maxPageWeeks):] },
		"inc":       func(n int) int { return n + 1 },
		"add":       func(a, b int) int { return a + b },
		"headline": func(i *Incident) string {
			return fmt.Sprintf("%d · %s UTC: two Workers%s", i.Number, i.From.Format(time.DateTime), strings.TrimSuffix(i.length(), ","))
		},
		"more": func(all []*Incident) string {
			if len(all) <= maxPageIncidents {
				return ""
			}
			return fmt.Sprintf("%d more incidents: --json has them all.", len(all)-maxPageIncidents)
		},
		"moreWeeks": func(all []Week) string {
			if len(all) <= maxPageWeeks {
				return ""
			}
			return fmt.Sprintf("The last %d of %d weeks with jobs.", maxPageWeeks, len(all))
		},
	}).Parse(page)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	return errors.Join(t.Execute(b, r), b.Flush())
}

// SaveHTML writes the page to a new file. What is at path already stays as it is.
func (r *Report) SaveHTML(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("--html %s: is there already and was left as it is; --html takes the name of a new file: --html PAGE.html", path)
	}
	if err != nil {
		return err
	}
	if err = errors.Join(r.WriteHTML(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
