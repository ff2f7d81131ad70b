package doctor

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// few is how many runners are told of in full. Of more, what is well is a line for each, and so is what is not well if
// it is so with an earlier one.
const few = 3

// Print writes the report: a mark, the thing looked at, the finding, and below a warning or a failure why that matters
// and the command that mends it. With quiet it shows only warnings and failures.
func (r *Report) Print(s screen.Screen, quiet bool) error {
	p := printer{Screen: s.Page(), fold: len(r.Runners) > few && !s.Wide, quiet: quiet, first: map[string]string{}}
	if left := p.left(r.Machine, false); len(left) > 0 {
		p.line("This machine")
		p.results(left)
	}
	for i := range r.Runners {
		p.runner(&r.Runners[i])
	}
	if !quiet || r.Level() != checks.OK {
		p.line("")
		p.wrapped("", r.conclusion())
	}
	_, err := io.WriteString(s.Out, strings.TrimPrefix(p.b.String(), "\n"))
	return err
}

type printer struct {
	screen.Screen
	b     strings.Builder
	fold  bool              // what is well is a line for each runner
	quiet bool              // what is well is left out
	first map[string]string // with fold: the root of the first runner of which these things are not well
}

func (p *printer) line(text string) { p.b.WriteString(text + "\n") }

// left returns the results that are not left out.
func (p *printer) left(all []checks.Result, fold bool) (left []checks.Result) {
	for _, r := range all {
		if r.Level != checks.OK || !p.quiet && !fold {
			left = append(left, r)
		}
	}
	return left
}

func (p *printer) runner(r *RunnerReport) {
	version := r.Version
	if version == "" {
		version = "version unknown"
	}
	name := fmt.Sprintf("Runner %s (%s, user %s)", screen.Printable(r.Root), version, screen.Printable(r.User))
	left := p.left(r.Results, p.fold)
	switch same := p.same(r, left); {
	case same != "":
		p.wrapped(p.mark(checks.Worst(left))+" ", name+": the same as "+screen.Printable(same))
	case len(left) > 0:
		p.line("")
		p.wrapped("", name)
		p.results(left)
		if well := len(r.Results) - len(left); well > 0 && !p.quiet {
			p.line("  " + p.mark(checks.OK) + " " + screen.Count(well, "other check"))
		}
	case !p.quiet:
		p.wrapped(p.mark(checks.OK)+" ", name)
	}
}

// wrapped writes a text that may need more than a line.
func (p *printer) wrapped(head, text string) {
	for _, line := range p.Wrap(text, len("    ")) {
		p.line(head + line)
		head = "    "
	}
}

// same returns the root of an earlier runner of which the same things are not well, "" if there is none.
func (p *printer) same(r *RunnerReport, ills []checks.Result) string {
	if !p.fold || len(ills) == 0 {
		return ""
	}
	all := strings.ReplaceAll(fmt.Sprint(r.User, ills), r.Root, "")
	if p.first[all] == "" {
		p.first[all] = r.Root
		return ""
	}
	return p.first[all]
}

func (p *printer) results(results []checks.Result) {
	widest := 0
	for _, r := range results {
		widest = max(widest, utf8.RuneCountInString(r.Check))
	}
	blank := strings.Repeat(" ", len("  ! ")+widest+2)
	for _, r := range results {
		head := fmt.Sprintf("  %s %-*s  ", p.mark(r.Level), widest, r.Check)
		for _, line := range p.Wrap(screen.Printable(r.What), len(blank)) {
			p.line(head + line)
			head = blank
		}
		if r.Level == checks.OK {
			continue
		}
		for _, line := range p.Wrap(screen.Printable(r.Why), len(blank)+2) {
			p.line(blank + "  " + line)
		}
		if r.Mend != "" {
			p.line(blank + "  → " + screen.Printable(r.Mend)) // in one piece, to be copied
		}
	}
}

func (p *printer) mark(l checks.Level) string {
	switch l {
	case checks.OK:
		return p.Paint(screen.Green, "✓")
	case checks.Warn:
		return p.Paint(screen.Yellow, "!")
	}
	return p.Paint(screen.Red, "✗")
}

func (r *Report) conclusion() string {
	protected := 0
	for _, runner := range r.Runners {
		if runner.Protected {
			protected++
		}
	}
	text := fmt.Sprintf("%d of %d runners are protected", protected, len(r.Runners))
	switch {
	case len(r.Runners) == 0:
		text = "no runner to protect"
	case len(r.Runners) == 1 && protected == 1:
		text = "the runner is protected"
	case len(r.Runners) == 1 && r.Runners[0].Unknown:
		text = "whether the runner is protected cannot be told"
	case len(r.Runners) == 1:
		text = "the runner is not protected"
	}
	if r.Level() == checks.Warn {
		text += "; see the warnings (!) above"
	}
	if r.Level() == checks.Fail {
		text += "; what has to be mended is marked ✗ above"
	}
	return text
}
