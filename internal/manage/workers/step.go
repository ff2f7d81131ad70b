package workers

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// tail is how much of a Worker's log is searched for the step it runs, in bytes from the end.
const tail = 256 << 10

// step returns the name of the step that a Worker runs, from the log that it has open: the runner's StepsRunner.cs
// writes "Processing step: DisplayName='…'" before each. It is "" if that cannot be known.
func step(dir string) string {
	for _, link := range logs(dir) {
		if s := lastStep(link); s != "" {
			return s
		}
	}
	return ""
}

// logs returns the descriptors by which a Worker has its log open, as paths.
func logs(dir string) []string {
	links, _ := filepath.Glob(filepath.Join(dir, "fd", "*"))
	return slices.DeleteFunc(links, func(link string) bool {
		path, err := os.Readlink(link)
		return err != nil || !strings.HasPrefix(filepath.Base(path), "Worker_") || filepath.Ext(path) != ".log"
	})
}

// lastStep reads the log through the Worker's own descriptor, which also finds it where only the
// Worker's namespace has its path.
func lastStep(path string) string {
	f, err := untrusted.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-tail), io.SeekStart)
	}
	data, err := io.ReadAll(io.LimitReader(f, tail))
	if err != nil {
		return ""
	}
	return parseStep(data)
}

func parseStep(log []byte) string {
	const before = "Processing step: DisplayName='"
	i := bytes.LastIndex(log, []byte(before))
	if i < 0 {
		return ""
	}
	line, _, _ := bytes.Cut(log[i+len(before):], []byte("\n"))
	end := bytes.LastIndexByte(line, '\'')
	if end < 0 {
		return ""
	}
	return strings.ToValidUTF8(string(line[:end]), "\uFFFD")
}
