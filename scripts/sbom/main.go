// sbom lists what programs are made of, as an SPDX 2.3 document, from the modules that the Go linker has noted in them.
//
//	go run ./scripts/sbom VERSION PROGRAM…
//
// Its time is SOURCE_DATE_EPOCH, so that the same programs give the same document.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

type document struct {
	Version       string         `json:"spdxVersion"`
	License       string         `json:"dataLicense"`
	ID            string         `json:"SPDXID"`
	Name          string         `json:"name"`
	Namespace     string         `json:"documentNamespace"`
	Creation      creation       `json:"creationInfo"`
	Packages      []component    `json:"packages"`
	Relationships []relationship `json:"relationships"`
}

type creation struct {
	Created  string   `json:"created"`
	Creators []string `json:"creators"`
}

type component struct {
	Name      string      `json:"name"`
	ID        string      `json:"SPDXID"`
	Version   string      `json:"versionInfo"`
	Location  string      `json:"downloadLocation"`
	Analyzed  bool        `json:"filesAnalyzed"`
	File      string      `json:"packageFileName,omitempty"`
	Checksums []checksum  `json:"checksums,omitempty"`
	Refs      []reference `json:"externalRefs,omitempty"`
}

type checksum struct {
	Algorithm string `json:"algorithm"`
	Value     string `json:"checksumValue"`
}

type reference struct {
	Category string `json:"referenceCategory"`
	Type     string `json:"referenceType"`
	Locator  string `json:"referenceLocator"`
}

type relationship struct {
	From string `json:"spdxElementId"`
	Type string `json:"relationshipType"`
	To   string `json:"relatedSpdxElement"`
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: sbom VERSION PROGRAM…")
	}
	epoch, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w; set it to the commit's time, in seconds", err)
	}
	d := document{
		Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: "worker-wrap " + args[0],
		Namespace: "https://github.com/worker-wrap/worker-wrap/releases/download/v" + args[0] + "/sbom",
		Creation:  creation{time.Unix(epoch, 0).UTC().Format(time.RFC3339), []string{"Tool: worker-wrap-scripts-sbom"}},
	}
	for _, path := range args[1:] {
		if err := d.program(args[0], path); err != nil {
			return err
		}
	}
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// program adds a program, and the modules and the standard library that it has.
func (d *document) program(version, path string) error {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	p := module(filepath.Base(path), version)
	p.File, p.Checksums = filepath.Base(path), []checksum{{"SHA256", fmt.Sprintf("%x", sha256.Sum256(data))}}
	d.Packages = append(d.Packages, p)
	d.Relationships = append(d.Relationships, relationship{d.ID, "DESCRIBES", p.ID})
	for _, dep := range append(info.Deps, &debug.Module{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}) {
		m := module(dep.Path, dep.Version)
		m.Refs = []reference{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + dep.Path + "@" + dep.Version}}
		if !slices.ContainsFunc(d.Packages, func(have component) bool { return have.ID == m.ID }) {
			d.Packages = append(d.Packages, m)
		}
		d.Relationships = append(d.Relationships, relationship{p.ID, "DEPENDS_ON", m.ID})
	}
	return nil
}

func module(path, version string) component {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, path+"-"+version)
	return component{Name: path, ID: "SPDXRef-" + id, Version: version, Location: "NOASSERTION"}
}
