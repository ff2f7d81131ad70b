package testkit_test

import (
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestStartUpRunsNothing: the packages of the binary do no work before main, as every job waits for
// it: no init function, and no compiling of patterns or templates into package variables.
func TestStartUpRunsNothing(t *testing.T) {
	allowed := []string{module + "nsenter", module + "nsenter/origin"} // lock the main thread; note what was inherited
	heavy := []string{"MustCompile", "Must", "NewReplacer", "MustParse"}
	for _, p := range goList(t, "-deps", "./cmd/worker-wrap") {
		if slices.Contains(allowed, p.ImportPath) {
			continue
		}
		eachFile(t, p, func(fset *token.FileSet, file *ast.File) {
			for _, decl := range file.Decls {
				switch d := decl.(type) {
				case *ast.FuncDecl:
					if d.Recv == nil && d.Name.Name == "init" {
						t.Errorf("%s: an init function", fset.Position(d.Pos()))
					}
				case *ast.GenDecl:
					if d.Tok != token.VAR {
						continue
					}
					inspectStartUp(d, func(call *ast.CallExpr, name string) {
						if slices.Contains(heavy, name) {
							t.Errorf("%s: %s at package level; use sync.OnceValue", fset.Position(call.Pos()), name)
						}
					})
				}
			}
		})
	}
}

// inspectStartUp calls f for each call that a declaration makes when the package is initialised:
// not for those inside function literals.
func inspectStartUp(d *ast.GenDecl, f func(call *ast.CallExpr, name string)) {
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok {
				f(n, sel.Sel.Name)
			}
		}
		return true
	})
}

// TestStartUpAllocatesLittle bounds what all packages of the binary, those of others included, allocate
// before main: each start of a Worker pays for it.
func TestStartUpAllocatesLittle(t *testing.T) {
	const most = 64 << 10
	script, err := os.ReadFile(filepath.Join(testkit.Root(), "scripts", "build"))
	if err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(` -tags ([\w,]+)`).FindSubmatch(script)
	if tags == nil {
		t.Fatal("scripts/build names no tags")
	}
	// Without the entry point of scripts/build, which hides GODEBUG from the runtime.
	binary := filepath.Join(t.TempDir(), "worker-wrap")
	build := exec.Command("go", "build", "-tags", string(tags[1]), "-o", binary, "./cmd/worker-wrap")
	build.Dir = testkit.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	run := exec.Command(binary, "--version")
	run.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", run, err, out)
	}
	// init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
	lines := regexp.MustCompile(`(?m)^init (\S+) @.* (\d+) bytes, \d+ allocs$`).FindAllSubmatch(out, -1)
	if len(lines) < 10 {
		t.Fatalf("the runtime traced %d packages:\n%s", len(lines), out)
	}
	total := 0
	for _, line := range lines {
		n, err := strconv.Atoi(string(line[2]))
		if err != nil {
			t.Fatal(err)
		}
		if total += n; n > 1000 {
			t.Logf("%s: %d bytes", line[1], n)
		}
	}
	if total > most {
		t.Errorf("packages allocate %d bytes before main, more than %d", total, most)
	}
}
