package logs

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// jobLog is what a Worker's log of one job looks like, in the proportions of a real one: most of it the
// job message and telemetry, many short lines of JSON, then records of about a hundred bytes.
func jobLog(n int, start time.Time) []byte {
	var b bytes.Buffer
	now := start
	rec := func(source, format string, args ...any) {
		fmt.Fprintf(&b, "[%s INFO %s] ", now.Format("2006-01-02 15:04:05Z"), source)
		fmt.Fprintf(&b, format+"\n", args...)
	}
	rec("HostContext", "Well known directory 'Bin': '/home/ubuntu/actions-runner/bin.2.333.1'")
	rec("Worker", "Version: 2.333.1")
	rec("Worker", "Waiting to receive the job message from the channel.")
	rec("Worker", "Job message:")
	for i := range 900 {
		fmt.Fprintf(&b, "      \"lit\": \"value_%d\",\n      \"type\": 2,\n    {\n      \"k\": \"system.pipelineStartTime.%d\"\n    },\n", i, i*7)
	}
	rec("JobRunner", "Job ID %08x-82dd-5f8b-a498-a9859d5322d2", n)
	rec("HostContext", "Well known directory 'Temp': '/home/ubuntu/actions-runner/_work/_temp'")
	rec("JobRunner", "Getting job extension.")
	for step := range 20 {
		now = now.Add(3 * time.Second)
		rec("StepsRunner", "Processing step: DisplayName='Step %d'", step)
		rec("ProcessInvokerWrapper", "Starting process:")
		rec("ProcessInvokerWrapper", "  File name: '/usr/bin/bash'")
		rec("ProcessInvokerWrapper", "  Arguments: '-e /home/ubuntu/actions-runner/_work/_temp/0c5b2a54-3b4a-4bb1-8bb6-%012x.sh'", step)
		rec("ProcessInvokerWrapper", "  Working directory: '/home/ubuntu/actions-runner/_work/eos/eos'")
		rec("ProcessInvokerWrapper", "Process started with process id %d, waiting for process exit.", 1000+step)
		for i := range 30 {
			rec("JobServerQueue", "Try to append %d batches web console lines for record '%08x-0e1f-58f6-9b06-0e9e8b5c5d3e', success rate: 1/1.", i, step)
			rec("ResultsServer", "Queueing results file (/home/ubuntu/actions-runner/_diag/blocks/%08x_%d.1) for upload", step, i)
		}
		rec("ProcessInvokerWrapper", "Finished process %d with exit code 0, and elapsed time 00:00:02.9692284.", 1000+step)
	}
	rec("JobRunner", "Job result after all job steps finish: Succeeded")
	rec("TempDirectoryManager", "Cleaning runner temp folder: /home/ubuntu/actions-runner/_work/_temp")
	rec("Worker", "Job completed.")
	return b.Bytes()
}

func BenchmarkWorkerLog(b *testing.B) {
	log := jobLog(1, time.Date(2026, 4, 20, 11, 0, 0, 0, time.UTC))
	g := &input.Group{}
	r := NewReader(&input.Skipped{})
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		s := &input.Source{Name: "Worker_20260420-110000-utc.log", Kind: input.WorkerLog}
		w := &workers{group: g, from: s, add: func(*Life) {}}
		w.begin(input.At{When: 1})
		if err := r.read(bytes.NewReader(log), s, w); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSeveral reads the same log under a name that does not tell what it is.
func BenchmarkSeveral(b *testing.B) {
	log := jobLog(1, time.Date(2026, 4, 20, 11, 0, 0, 0, time.UTC))
	g := &input.Group{}
	r := NewReader(&input.Skipped{})
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		add, s := func(*Life) {}, &input.Source{Name: "x.txt"}
		j := newSeveral(g, s, &listenerLog{group: g, add: add}, add)
		if err := r.read(bytes.NewReader(log), s, j); err != nil {
			b.Fatal(err)
		}
		j.end()
	}
}

// BenchmarkCount is the yardstick: counting lines, as wc -l does.
func BenchmarkCount(b *testing.B) {
	log := jobLog(1, time.Date(2026, 4, 20, 11, 0, 0, 0, time.UTC))
	b.SetBytes(int64(len(log)))
	n := 0
	for b.Loop() {
		n += bytes.Count(log, []byte{'\n'})
	}
}
