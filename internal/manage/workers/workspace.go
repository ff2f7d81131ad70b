package workers

import (
	"bytes"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// head is how much of a Worker's log is searched for what stands near its beginning, in bytes. The job's message comes
// before, which may be long.
const head = 16 << 20

// Workspace returns the folder in the work folder that the steps of the Worker's job start in, "" if that cannot be
// known. The Worker's log names the repository, and the runner's TrackingConfig.cs makes repo/repo of owner/repo.
func (w Worker) Workspace(work string) string {
	for _, link := range logs(filepath.Join("/proc", strconv.Itoa(w.PID))) {
		f, err := untrusted.Open(link)
		if err != nil {
			continue
		}
		data, _ := io.ReadAll(io.LimitReader(f, head))
		f.Close()
		if repo := parseRepository(data); repo != "" {
			return filepath.Join(work, repo, repo)
		}
	}
	return ""
}

// parseRepository returns the name of the job's repository, without its owner.
func parseRepository(log []byte) string {
	_, rest, found := bytes.Cut(log, []byte("INFO PipelineDirectoryManager] Loading tracking config if exists: "))
	line, _, whole := bytes.Cut(rest, []byte("\n"))
	path, is := strings.CutSuffix(strings.TrimSuffix(string(line), "\r"), "/PipelineFolder.json")
	repo := filepath.Base(path)
	if !found || !whole || !is || repo == ".." || repo == "." || repo == "/" {
		return ""
	}
	return repo
}
