package main

import (
	"slices"
	"strings"
	"testing"
)

// FuzzSplit: nothing behind the first -- is worker-wrap's own, nothing before it the command's, and nothing is lost
// or changed; also when the one is added to, the other stays as it is.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"worker-wrap", "worker-wrap\n--", "worker-wrap\n--temp\n/t\n--\nsh\n-c\n:\n--\nx", "--", "-- ", "---\n-\n", "x\n--=\n\n--\n", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		args := strings.Split(lines, "\n")
		given := slices.Clone(args)
		own, command := split(args)
		// Of the same text, by its lines.
		before, after, marked := strings.Cut("\n"+lines+"\n", "\n--\n")
		if !marked {
			before = strings.TrimSuffix(before, "\n")
		}
		if strings.Join(append([]string{""}, own...), "\n") != before {
			t.Fatalf("%q: its own are %q", args, own)
		}
		if (command != nil) != marked || strings.Join(append(slices.Clone(command), ""), "\n") != after {
			t.Fatalf("%q: the command is %q", args, command)
		}
		kept := slices.Clone(command)
		_ = append(own, "more", "and more")
		if !slices.Equal(command, kept) {
			t.Fatalf("%q: the command became %q", given, command)
		}
	})
}
