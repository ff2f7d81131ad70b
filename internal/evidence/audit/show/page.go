package show

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

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit"
)

//go:embed page.html
var page string

const (
	maxPageIncidents = 500
	maxPageWeeks     = 104
)

// HTML writes the report as one page that needs nothing else: no network, no script, no font.
func HTML(r *audit.Report, w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"summary":   summary,
		"totals":    audit.Totals.List,
		"job":       job,
		"clock":     clock,
		"picture":   draw,
		"shim":      (*audit.Shim).Line,
		"held":      func(r *audit.Report) []audit.Held { return r.Held[:min(len(r.Held), maxPageIncidents)] },
		"skipped":   func(r *audit.Report) []string { return r.Skipped.Lines() },
		"first":     func(all []*audit.Incident) []*audit.Incident { return all[:min(len(all), maxPageIncidents)] },
		"lastWeeks": func(all []audit.Week) []audit.Week { return all[max(0, len(all)-maxPageWeeks):] },
		"inc":       func(n int) int { return n + 1 },
		"add":       func(a, b int) int { return a + b },
		"headline": func(i *audit.Incident) string {
			return fmt.Sprintf("%d · %s UTC: two Workers%s", i.Number, i.From.Format(time.DateTime), strings.TrimSuffix(length(i), ","))
		},
		"more": func(all []*audit.Incident) string {
			if len(all) <= maxPageIncidents {
				return ""
			}
			return audit.Count(len(all)-maxPageIncidents, "more incident", "more incidents") + ": --json has them all."
		},
		"moreWeeks": func(all []audit.Week) string {
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

// SaveHTML writes the page to a new file. A file that is at path already stays as it is.
func SaveHTML(r *audit.Report, path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("--html %s: is there already and was left as it is; --html takes the name of a new file: --html PAGE.html", path)
	}
	if err != nil {
		return err
	}
	if err = errors.Join(HTML(r, f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
