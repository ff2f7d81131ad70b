package testkit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// mostWords is how many a sentence of the docs has.
const mostWords = 25

var (
	codeOf    = regexp.MustCompile("`[^`]*`")
	linkOf    = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
	pictureOf = regexp.MustCompile(`!\[[^\]]*\]\([^)]*\)`)
	itemOf    = regexp.MustCompile(`^([-*+]|\d+\.) `)
	endOf     = regexp.MustCompile(`[.?!:;]\)?\s`)
	wordOf    = regexp.MustCompile(`\pL|\pN`)
)

// TestSentencesAreShort: no sentence of the docs has more words than a reader keeps in mind. A colon and a semicolon end
// one, what stands in backquotes is a word, and tables, headings, pictures and blocks of code are left out.
func TestSentencesAreShort(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testkit.Root(), "docs", "*.md"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		files = append(files, filepath.Join(testkit.Root(), name))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		mustBeShort(t, filepath.Base(file), string(text))
	}
}

// mustBeShort fails the test for each sentence of a text that is too long.
func mustBeShort(t *testing.T, place, text string) {
	t.Helper()
	for _, sentence := range sentences(text) {
		words := 0
		for _, word := range strings.Fields(sentence) {
			if wordOf.MatchString(word) {
				words++
			}
		}
		if words > mostWords {
			t.Errorf("%s: %d words: %s", place, words, sentence)
		}
	}
}

// unwanted are words that make a text hard to read, and what to say instead. See the glossary in package internal.
var unwanted = []struct {
	is  *regexp.Regexp
	say string
	not bool // looked for in comments that document nothing exported
}{
	{regexp.MustCompile(`\b([Hh]e|[Hh]im|[Hh]is|[Hh]imself)\b`), "the user, or the caller", false},
	{regexp.MustCompile(`([.,:;(] |\b(or|but|off|also) )[Ww]here\b`), "if, or which", false},
	{regexp.MustCompile(`\b[Ss]uch (an? one|ones)\b`), "the noun", false},
	{regexp.MustCompile(`\b(and|but|which|that|it) (is|are|was|were) none\b`), "is not", false},
	{regexp.MustCompile(`per-PID`), "private, of a folder", false},
	{regexp.MustCompile(`real _temp`), "plain _temp", false},
	{regexp.MustCompile(`\b[Tt]h(at|ose) of\b`), "the noun once more, or 's", true},
	{regexp.MustCompile(`\b[Ww]hat (is|are|was|were)\b`), "the noun", true},
}

// mustBePlain fails the test for each unwanted word of a text. less says that it looks for some only.
func mustBePlain(t *testing.T, place, text string, less bool) {
	t.Helper()
	text = strings.Join(strings.Fields(text), " ")
	for _, u := range unwanted {
		if at := u.is.FindStringIndex(text); at != nil && !(less && u.not) {
			t.Errorf("%s: %q, say %s: …%s", place, text[at[0]:at[1]], u.say, text[max(0, at[0]-60):min(len(text), at[1]+60)])
		}
	}
}

// TestMessagesAreShort: no sentence that the program says, in a message, a usage or a help text, is long or has an unwanted
// word. A text is here any string of several words, wherever it goes, joined with its additions.
func TestMessagesAreShort(t *testing.T) {
	seen := 0
	eachSource(t, false, func(fset *token.FileSet, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ImportSpec:
				return false
			case *ast.Field: // its type may hold a function, its tag is no text
				if n.Tag != nil {
					return false
				}
			case ast.Expr:
				text, is := textOf(n)
				if !is {
					return true
				}
				if len(strings.Fields(text)) > 1 {
					seen++
					place := fset.Position(n.Pos()).String()
					mustBeShort(t, place, text)
					mustBePlain(t, place, text, false)
				}
				return false
			}
			return true
		})
	})
	if seen < 1000 {
		t.Errorf("only %d texts found", seen)
	}
}

// TestCommentsAreShort: no sentence of a comment is long or has an unwanted word.
func TestCommentsAreShort(t *testing.T) {
	eachSource(t, true, func(fset *token.FileSet, file *ast.File) {
		documents := exported(file)
		for _, comment := range file.Comments {
			place := fset.Position(comment.Pos()).String()
			mustBeShort(t, place, comment.Text())
			mustBePlain(t, place, comment.Text(), !documents[comment] || strings.HasSuffix(fset.Position(file.Pos()).Filename, "_test.go"))
		}
	})
}

// exported are the comments that document a package or something exported.
func exported(file *ast.File) map[*ast.CommentGroup]bool {
	docs := map[*ast.CommentGroup]bool{file.Doc: true}
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			docs[d.Doc] = d.Name.IsExported()
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					docs[d.Doc], docs[s.Doc] = s.Name.IsExported(), s.Name.IsExported()
				case *ast.ValueSpec:
					docs[d.Doc], docs[s.Doc] = docs[d.Doc] || s.Names[0].IsExported(), s.Names[0].IsExported()
				}
			}
		}
	}
	return docs
}

// textOf returns a string literal, or the sum of several and of other things, each of which counts as a word.
func textOf(n ast.Expr) (text string, is bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			text, _ = strconv.Unquote(n.Value)
			return text, true
		}
	case *ast.BinaryExpr:
		left, isLeft := textOf(n.X)
		right, isRight := textOf(n.Y)
		if n.Op == token.ADD && (isLeft || isRight) {
			return left + right, true
		}
	case *ast.ParenExpr:
		return textOf(n.X)
	}
	return "X", false
}

// eachSource hands each Go source of this module to f, and those of tests if they are wanted.
func eachSource(t *testing.T, tests bool, f func(*token.FileSet, *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(testkit.Root(), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "findings"):
			return fs.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") && !tests:
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		f(fset, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sentences takes a page apart.
func sentences(page string) (out []string) {
	paragraph, code := "", false
	end := func() {
		text := linkOf.ReplaceAllString(codeOf.ReplaceAllString(pictureOf.ReplaceAllString(paragraph, ""), "code"), "$1")
		out = append(out, strings.Split(endOf.ReplaceAllString(text, "\n"), "\n")...)
		paragraph = ""
	}
	for line := range strings.Lines(page) {
		indented := paragraph == "" && (strings.HasPrefix(line, "    ") || line[0] == '\t')
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
			end()
		case code, indented:
		case line == "", strings.ContainsAny(line[:1], "|#<"):
			end()
		case itemOf.MatchString(line):
			end()
			paragraph = itemOf.ReplaceAllString(line, "") + " "
		default:
			paragraph += line + " "
		}
	}
	end()
	return out
}

func TestSentences(t *testing.T) {
	page := "# Head of a page\n\nOne two\nthree. `a b. c` [four](x.md) five;\nsix\n\n| a | table. |\n- seven: eight\n  nine\n- ten (eleven.) twelve\n\n    code. here\n\n```\nmore\n```\n![a picture. of it](p.svg)\n"
	var got []string
	for _, s := range sentences(page) {
		if s = strings.TrimSpace(s); s != "" {
			got = append(got, s)
		}
	}
	if want := "One two three/code four five/six/seven/eight nine/ten (eleven/twelve"; strings.Join(got, "/") != want {
		t.Errorf("%q, want %q", strings.Join(got, "/"), want)
	}
}
