package input

import "fmt"

// Evidence is where something stands: a line of a file, or with line 0 the file's name.
type Evidence struct {
	File *Source
	Line int64
}

// At is a moment, and the line that tells it.
type At struct {
	When Stamp
	Evidence
}

// Known reports whether the moment is known.
func (a At) Known() bool { return a.When != 0 }

// Place is "file:line", or the file's name if that is the evidence.
func (a At) Place() string {
	switch {
	case a.File == nil:
		return ""
	case a.Line == 0:
		return Text([]byte(a.File.Name), MaxText)
	}
	return fmt.Sprintf("%s:%d", Text([]byte(a.File.Name), MaxText), a.Line)
}

// Later is the later of two moments.
func Later(x, y At) At {
	if y.When > x.When {
		return y
	}
	return x
}
