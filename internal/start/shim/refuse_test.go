package shim

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/begun"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
)

func TestFailureIsOneLine(t *testing.T) {
	f := exits.Fail(exits.Failed, "cannot open %s: %w", "/a\nb\tc\x1b[31m", unix.EIO)
	if got, want := f.Error(), `cannot open /a\x0ab\x09c\x1b[31m: input/output error`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if !errors.Is(f, unix.EIO) {
		t.Error("the cause is lost")
	}
	if (&start{&begun.Start{}}).failure(f) != f {
		t.Error("a failure is not what it was")
	}
	// Who has started a command reads nothing of a job.
	for program, p := range map[string]plan.Plan{"command": {}, "job": {Worker: &plan.Worker{}}} {
		if got := (&start{&begun.Start{Plan: p}}).failure(unix.EIO).Error(); !strings.HasPrefix(got, "this "+program+" was not started") || !strings.HasSuffix(got, ": input/output error") {
			t.Errorf("%s: %q", program, got)
		}
	}
}
