package logs

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// loop is n bytes of a block, again and again, with the memory in use watched.
type loop struct {
	block     []byte
	left, pos int
	most      uint64
}

func (l *loop) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), l.left)], l.block[l.pos:])
	if l.pos += n; l.pos == len(l.block) {
		l.pos = 0
	}
	if before := l.left; before>>26 != (before-n)>>26 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		l.most = max(l.most, m.HeapAlloc)
	}
	l.left -= n
	return n, nil
}

// TestMemoryDoesNotGrow reads a gigabyte of one Worker's log, and as much of a line that never ends.
func TestMemoryDoesNotGrow(t *testing.T) {
	total := 1 << 30
	switch {
	case testing.Short():
		total = 1 << 27
	case raceDetector: // which makes it ten times slower, and shows nothing here
		total = 1 << 24
	}
	job := jobLog(1, time.Date(2026, 4, 20, 11, 0, 0, 0, time.UTC))
	failing := "[2026-04-20 11:00:00Z INFO X] Missing file at path: /home/r/_work/_temp/%d\n"
	for name, block := range map[string][]byte{
		"jobs":        append(job, failing...),
		"a long line": bytes.Repeat([]byte("[2026-04-20 11:00:00Z INFO W] _temp ENOENT "), 1000),
	} {
		t.Run(name, func(t *testing.T) {
			var before runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			in := &loop{block: block, left: total}
			reader := NewReader(&input.Skipped{})
			s := &input.Source{Name: "Worker_x.log", Kind: input.WorkerLog}
			lives := 0
			w := &workers{group: &input.Group{}, from: s, add: func(*Life) { lives++ }}
			w.begin(input.At{When: 1})
			if err := reader.read(in, s, w); err != nil {
				t.Fatal(err)
			}
			if s.Bytes != int64(total) {
				t.Errorf("read %d bytes of %d", s.Bytes, total)
			}
			if grown := int64(in.most) - int64(before.HeapAlloc); grown > 2<<20 {
				t.Errorf("%d bytes of heap for %d of log", grown, total)
			}
		})
	}
}
