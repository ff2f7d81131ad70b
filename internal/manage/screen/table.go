package screen

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Column is one of a table.
type Column struct {
	Head string
	Cut  Cut
	// Wide is true for a column that is left out if the table has to fit a terminal.
	Wide bool
}

// Cut is what a column gives up if the terminal is too narrow.
type Cut int

// A text gives up its end, and a path its beginning, since its end tells it from others.
const (
	Whole Cut = iota
	End
	Beginning
)

// Cell is a text of a table, and its colour.
type Cell struct {
	Text   string
	Colour Colour
}

const (
	gap      = 2 // blanks between columns
	narrow   = 8 // no column is cut below this
	ellipsis = "…"
)

// Table prints rows under the heads of their columns. On a terminal it fits, unless everything is wanted.
func (s Screen) Table(columns []Column, rows [][]Cell) error {
	fits := s.Roomy()
	head := make([]Cell, len(columns))
	widths := make([]int, len(columns))
	for i, c := range columns {
		head[i] = Cell{Text: c.Head}
		if c.Wide && !fits {
			widths[i] = -1
			continue
		}
		widths[i] = utf8.RuneCountInString(c.Head)
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].Text))
		}
	}
	if !fits {
		shrink(columns, widths, s.Width)
	}
	var b strings.Builder
	for _, row := range append([][]Cell{head}, rows...) {
		pad := 0
		for i, cell := range row {
			if widths[i] < 0 {
				continue
			}
			text := cut(Printable(cell.Text), widths[i], columns[i].Cut)
			b.WriteString(strings.Repeat(" ", pad) + s.Paint(cell.Colour, text))
			pad = gap + widths[i] - utf8.RuneCountInString(text)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(s.Out, b.String())
	return err
}

// shrink takes from the widest columns that can be cut, until the table fits or nothing more can be taken.
func shrink(columns []Column, widths []int, width int) {
	for {
		sum, widest := -gap, -1
		for i, w := range widths {
			if w < 0 {
				continue
			}
			sum += w + gap
			if columns[i].Cut != Whole && w > narrow && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if sum <= width || widest < 0 {
			return
		}
		widths[widest]--
	}
}

func cut(text string, width int, how Cut) string {
	runes := []rune(text)
	switch {
	case len(runes) <= width || how == Whole:
		return text
	case how == Beginning:
		return ellipsis + string(runes[len(runes)-width+1:])
	}
	return string(runes[:width-1]) + ellipsis
}
