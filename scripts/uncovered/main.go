// Command uncovered says how much of the shim's own path was run by tests, by package and function, and
// which blocks were not. It fails if one of these is not named, with a reason, in a list that is kept
// for that. scripts/coverage makes the profiles and runs it.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	list := flag.String("list", "", "the `file` that names what is not covered, and why")
	all := flag.Bool("functions", false, "print each function, not only those not wholly covered")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: uncovered [-functions] -list FILE PROFILE PACKAGE…")
		os.Exit(2)
	}
	r, err := measureAll(*list, flag.Arg(0), flag.Args()[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "scripts/coverage:", err)
		os.Exit(1)
	}
	r.print(os.Stdout, *all)
	if !r.complete() {
		os.Exit(1)
	}
}

// measureAll reads the list and the profile, and measures the packages, which are folders of the module.
func measureAll(list, path string, packages []string) (report, error) {
	var r report
	module, err := modulePath("go.mod")
	if err != nil {
		return r, err
	}
	blocks := profile{}
	if err := blocks.read(path, module+"/"); err != nil {
		return r, err
	}
	if r.entries, err = readList(list); err != nil {
		return r, err
	}
	for _, dir := range packages {
		if !slices.ContainsFunc(blocks.files(), func(path string) bool { return filepath.Dir(path) == dir }) {
			return r, fmt.Errorf("the profile has nothing of %s", dir)
		}
	}
	for _, path := range blocks.files() {
		// What only the measured build has is not the shim's.
		if strings.HasSuffix(path, "_coverage.go") || !slices.Contains(packages, filepath.Dir(path)) {
			continue
		}
		if err := r.add(path, blocks[path]); err != nil {
			return r, err
		}
	}
	return r, nil
}

func modulePath(file string) (string, error) {
	data, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if path, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(path), nil
		}
	}
	return "", fmt.Errorf("%s names no module", file)
}
