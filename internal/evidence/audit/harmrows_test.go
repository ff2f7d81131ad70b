package audit

import (
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// TestWorse: of what a step misses the plainest failure has a row, though the second ends between two.
func TestWorse(t *testing.T) {
	const summary, missing = "Step Summary file missing", "Missing file at path: /w/_temp/_runner_file_commands/set_output_1"
	failure := func(when input.Stamp, text, step string, process int64) logs.Failure {
		p := logs.Process{At: input.At{Evidence: input.Evidence{Line: process}}}
		return logs.Failure{At: input.At{When: when}, Text: text, Step: step, Process: p}
	}
	for _, c := range []struct {
		name    string
		f, than logs.Failure
		want    bool
	}{
		{"one second", failure(200, summary, "build", 0), failure(200, missing, "build", 0), true},
		{"the next second", failure(200, summary, "build", 0), failure(201, missing, "build", 0), true},
		{"the next second, of a process", failure(201, summary, "build", 7), failure(200, missing, "build", 7), true},
		{"long after", failure(200, summary, "build", 0), failure(202, missing, "build", 0), false},
		{"another step's", failure(200, summary, "build", 0), failure(201, missing, "test", 0), false},
		{"another process's", failure(200, summary, "build", 7), failure(200, missing, "build", 8), false},
		{"of no step", failure(200, summary, "", 0), failure(200, missing, "", 0), true},
		{"of no step, the next second", failure(200, summary, "", 0), failure(201, missing, "", 0), false},
		{"no better", failure(200, summary, "build", 0), failure(200, summary, "build", 0), false},
	} {
		if got := worse([]logs.Failure{c.f, c.than}, c.f); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
