package worker

import (
	"fmt"
	"os"
	"path/filepath"
)

// pages are the files in _diag that a step's output lies in until it is uploaded (src/Runner.Common/Logging.cs). All
// Workers share the folders, and a name is that of the job and the step: a Worker that is killed leaves its files, and if its job
// comes again the step that was running then fails.
type pages []string

func (w *worker) newPages(step int) (pages, error) {
	record := fmt.Sprintf("%s_%08x-0000-4000-8000-%012x", w.job.JobID, step, step)
	var made pages
	for _, path := range []string{filepath.Join("pages", record+"_1.log"), filepath.Join("blocks", record+".1")} {
		path = filepath.Join(w.root.Diag, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err != nil {
			made.uploaded()
			return nil, err
		}
		made = append(made, path)
		if err := file.Close(); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// uploaded deletes the files, as the upload does.
func (p pages) uploaded() {
	for _, path := range p {
		_ = os.Remove(path)
	}
}
