package early_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestFreestanding: the code before Go's runtime calls nothing of it, but for what a small stack or an index out of
// range would call: neither comes about, and neither could be helped.
func TestFreestanding(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "worker-wrap")
	build := exec.Command("go", "build", "-ldflags", "-E github.com/worker-wrap/worker-wrap/internal/start/early.entry", "-o", binary, "./cmd/worker-wrap")
	build.Dir = testkit.Root()
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const here = `github.com/worker-wrap/worker-wrap/internal/(start/early\.|start/raw\.|start/(idle|pages)\.|ground/runner\.(SimpleWorkFolder|space|quoted|word|wordAt|isKey))`
	out, err := exec.Command("go", "tool", "objdump", "-s", here, binary).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	functions := 0
	function := ""
	longer := regexp.MustCompile(`early\.(Guard|Hold|roomOf|\(\*room\)\.hand|Recorded|HasRecord|recordOf|Record|Forget)(\.|\(|$)`) // called by what has Go's runtime
	call := regexp.MustCompile(`\sCALL (\S+)`)
	for line := range strings.Lines(string(out)) {
		if name, ok := strings.CutPrefix(line, "TEXT "); ok {
			function, _, _ = strings.Cut(name, " ")
			functions++
		}
		found := call.FindStringSubmatch(line)
		if found == nil || longer.MatchString(function) {
			continue
		}
		name := strings.TrimSuffix(found[1], "(SB)")
		switch {
		case strings.HasPrefix(name, "runtime.panic"), strings.HasPrefix(name, "runtime.morestack"),
			strings.HasPrefix(name, "runtime.duff"), name == "runtime.memequal": // loops of the compiler's
		case strings.HasPrefix(name, "runtime.gcWriteBarrier"): // only while the collector runs
		case strings.HasSuffix(function, "early.spawn.abi0(SB)"): // one of the package's, by its address
		case strings.HasPrefix(name, "runtime."), !strings.Contains(name, "."):
			t.Errorf("%s calls %s", function, found[1])
		}
	}
	if functions < 20 {
		t.Errorf("only %d functions were found", functions)
	}
}
