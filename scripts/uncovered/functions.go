package main

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
)

// function is one function of a file, with its coverage.
type function struct {
	file, name          string
	from, to            int // lines
	statements, covered int
}

// gap is a block that never ran.
type gap struct {
	file, function string
	line           int
	statements     int
	text           string // the statement that leads to it, and its own, in one line
}

// functions returns the functions of a file in their order.
func functions(path string) ([]*function, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		return nil, err
	}
	var out []*function
	for _, d := range file.Decls {
		if d, ok := d.(*ast.FuncDecl); ok {
			out = append(out, &function{file: path, name: name(d), from: fset.Position(d.Pos()).Line, to: fset.Position(d.End()).Line})
		}
	}
	return out, nil
}

// name is Func, or Type.Method.
func name(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if p, ok := t.(*ast.StarExpr); ok {
		t = p.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// measure counts the blocks of a file for its functions, and returns those that never ran, in order.
func measure(path string, blocks map[span]block) ([]*function, []gap, error) {
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	lines := strings.Split(string(source), "\n")
	functions, err := functions(path)
	if err != nil {
		return nil, nil, err
	}
	var gaps []gap
	for s, b := range blocks {
		for _, f := range functions {
			if s.fromLine < f.from || s.fromLine > f.to {
				continue
			}
			f.statements += b.statements
			if b.count > 0 {
				f.covered += b.statements
			} else if b.statements > 0 {
				gaps = append(gaps, gap{path, f.name, s.fromLine, b.statements, text(lines, s, f.from)})
			}
		}
	}
	slices.SortFunc(gaps, func(a, b gap) int { return cmp.Or(a.line-b.line, cmp.Compare(a.text, b.text)) })
	return functions, gaps, nil
}

// text is the block's source in one line, from its first line on, which as a rule ends with the brace that
// opens it, and before it the line above, which as a rule made what that line asks about.
func text(lines []string, s span, first int) string {
	from := max(s.fromLine-1, first)
	if strings.TrimSpace(lines[from-1]) == "" {
		from = s.fromLine
	}
	return strings.Join(strings.Fields(strings.Join(lines[from-1:s.toLine], " ")), " ")
}
