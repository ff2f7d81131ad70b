package main

import (
	"os"
	"path/filepath"
	"regexp"
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
		for _, sentence := range sentences(string(text)) {
			words := 0
			for _, word := range strings.Fields(sentence) {
				if wordOf.MatchString(word) {
					words++
				}
			}
			if words > mostWords {
				t.Errorf("%s: %d words: %s", filepath.Base(file), words, sentence)
			}
		}
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
		indented := paragraph == "" && strings.HasPrefix(line, "    ")
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
