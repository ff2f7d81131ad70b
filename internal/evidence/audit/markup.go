package audit

import (
	"bufio"
	"fmt"
	"html"
	"io"
)

// markup is HTML as it stands in this package's source. A variable string does not become one by
// itself, so what comes from a log can only go through [page.text], which escapes it.
//
// Why not html/template: its package-level tables cost each start of the binary, that is each job,
// some 25 µs, and the binary 217 kB. This page has texts and numbers only, no scripts and no URLs, so
// one way of escaping covers all of it.
type markup string

// page writes HTML. Errors stay in the bufio.Writer until its Flush.
type page struct{ w *bufio.Writer }

func newPage(w io.Writer) *page { return &page{bufio.NewWriter(w)} }

// raw writes markup, with numbers for its verbs.
func (p *page) raw(m markup, numbers ...number64) {
	if len(numbers) == 0 {
		p.w.WriteString(string(m))
		return
	}
	args := make([]any, len(numbers))
	for i, n := range numbers {
		args[i] = float64(n)
	}
	fmt.Fprintf(p.w, string(m), args...)
}

// number64 is what raw puts into markup: nothing that could need escaping.
type number64 float64

// text writes escaped text.
func (p *page) text(format string, args ...any) {
	p.w.WriteString(html.EscapeString(fmt.Sprintf(format, args...)))
}

// el writes an element, of which open is the start tag, around a text.
func (p *page) el(open, closing markup, format string, args ...any) {
	p.raw(open)
	p.text(format, args...)
	p.raw(closing)
}
