package testkit_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const (
	module = "github.com/worker-wrap/worker-wrap/"
	kit    = module + "internal/testkit"
)

type goPackage struct {
	ImportPath, Dir string
	GoFiles         []string
	Imports         []string
}

// goList returns the packages of this module that `go list ARGS` prints.
func goList(t *testing.T, args ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,GoFiles,Imports"}, args...)...)
	cmd.Dir = testkit.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	var all []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.ImportPath, module) {
			all = append(all, p)
		}
	}
}

// The wings of internal, by who runs a line and when, and what each may import of the others: ground, and what
// stands here.
var wings = map[string][]string{
	"start":    {"beside"}, // it starts what lives beside the Worker
	"beside":   nil,
	"manage":   {"start"}, // doctor reads a runner's settings as a start does
	"evidence": nil,
	"ground":   nil,
}

// wing returns the wing that a package is in, "" if it is in none.
func wing(path string) string {
	rest, ok := strings.CutPrefix(path, module+"internal/")
	name, _, _ := strings.Cut(rest, "/")
	if _, is := wings[name]; !ok || !is {
		return ""
	}
	return name
}

// layer gives the place of a package in cmd, scripts → internal → mounts, nsenter.
func layer(path string) int {
	switch top, _, _ := strings.Cut(strings.TrimPrefix(path, module), "/"); top {
	case "cmd", "scripts":
		return 2
	case "internal":
		return 1
	default:
		return 0
	}
}

// TestImportsPointOneWay: an import goes to the same layer or a lower one, from one wing of internal to another only if
// wings allows it. Only tests use testkit.
func TestImportsPointOneWay(t *testing.T) {
	packages := goList(t, "./...")
	if len(packages) < 4 {
		t.Fatalf("go list found %d packages", len(packages))
	}
	for _, p := range packages {
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			if layer(imported) > layer(p.ImportPath) {
				t.Errorf("%s imports %s, which is a layer above it", p.ImportPath, imported)
			}
			if layer(imported) == 2 {
				t.Errorf("%s imports %s, a command", p.ImportPath, imported)
			}
			from, to := wing(p.ImportPath), wing(imported)
			if from != "" && to != "" && from != to && to != "ground" && !slices.Contains(wings[from], to) {
				t.Errorf("%s imports %s: wing %s may not use wing %s", p.ImportPath, imported, from, to)
			}
			if strings.HasPrefix(imported, kit) && !strings.HasPrefix(p.ImportPath, kit) {
				t.Errorf("%s imports %s outside a test", p.ImportPath, imported)
			}
		}
	}
}

// TestImportsLeaveSyscallsToMechanism: only mounts and nsenter make the system calls of mounts and
// namespaces.
func TestImportsLeaveSyscallsToMechanism(t *testing.T) {
	forbidden := []string{
		"Mount", "MountSetattr", "MoveMount", "OpenTree", "Unmount", "Unshare", "Setns",
		"Fsopen", "Fsmount", "PivotRoot", "Chroot",
	}
	for _, p := range goList(t, "./...") {
		if layer(p.ImportPath) == 0 || strings.HasPrefix(p.ImportPath, module+"scripts/") || strings.HasPrefix(p.ImportPath, kit) {
			continue
		}
		eachFile(t, p, func(fset *token.FileSet, file *ast.File) {
			ast.Inspect(file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				from, ok := sel.X.(*ast.Ident)
				if ok && (from.Name == "unix" || from.Name == "syscall") && slices.Contains(forbidden, sel.Sel.Name) {
					t.Errorf("%s: %s.%s belongs in mounts or nsenter", fset.Position(n.Pos()), from.Name, sel.Sel.Name)
				}
				return true
			})
		})
	}
}

func eachFile(t *testing.T, p goPackage, f func(*token.FileSet, *ast.File)) {
	t.Helper()
	for _, name := range p.GoFiles {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		f(fset, file)
	}
}

// TestEveryPackageLooksForLeaks: wherever there are tests, Main sees what descriptors and mounts they leave.
func TestEveryPackageLooksForLeaks(t *testing.T) {
	var dirs []string
	for _, p := range goList(t, "./...") {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		looks := slices.ContainsFunc(files, func(file string) bool {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Error(err)
			}
			return strings.Contains(string(text), "func TestMain(m *testing.M) { testkit.Main(m) }") ||
				strings.Contains(string(text), "\ttestkit.Main(m)\n")
		})
		if len(files) > 0 && !looks {
			t.Errorf("%s has no TestMain that calls testkit.Main", p.ImportPath)
		}
		if looks {
			dirs = append(dirs, p.Dir)
		}
	}
	if len(dirs) < 30 {
		t.Errorf("only %d packages found: %q", len(dirs), dirs)
	}
}

// TestRoomsAreSmall: without its tests, no file has over 250 lines and no package over 1,500.
func TestRoomsAreSmall(t *testing.T) {
	for _, p := range goList(t, "./...") {
		room := 0
		for _, name := range p.GoFiles {
			data, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.Count(data, []byte("\n"))
			if room += lines; lines > 250 {
				t.Errorf("%s/%s has %d lines", p.ImportPath, name, lines)
			}
		}
		if room > 1500 {
			t.Errorf("%s has %d lines", p.ImportPath, room)
		}
	}
}
