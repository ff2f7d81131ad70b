package main

import (
	"bufio"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// span is where a block of statements is in its file, as a profile has it: lines and columns count from 1.
type span struct{ fromLine, fromColumn, toLine, toColumn int }

// block is how many statements a span has and how often it ran.
type block struct{ statements, count int }

// profile holds the blocks of each file, by the file's path below the module.
type profile map[string]map[span]block

// read adds a profile as `go tool covdata textfmt` writes it. A block that stands in several ran as often as
// all of them say.
func (p profile) read(path, prefix string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if strings.HasPrefix(lines.Text(), "mode: ") {
			continue
		}
		var s span
		var b block
		file, rest, ok := strings.Cut(lines.Text(), ":")
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &s.fromLine, &s.fromColumn, &s.toLine, &s.toColumn, &b.statements, &b.count); err != nil || !ok {
			return fmt.Errorf("%s:%d: not a line of a profile: %q", path, n, lines.Text())
		}
		file = strings.TrimPrefix(file, prefix)
		if p[file] == nil {
			p[file] = map[span]block{}
		}
		b.count += p[file][s].count
		p[file][s] = b
	}
	return lines.Err()
}

func (p profile) files() []string { return slices.Sorted(maps.Keys(p)) }
