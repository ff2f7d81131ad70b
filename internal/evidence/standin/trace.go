package standin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Record is one entry of a Listener's or a Worker's log.
type Record struct {
	Time    time.Time // finer than in the log file
	PID     int       // the Worker's; 0 for the Listener
	Job     string    // the Worker's job
	Level   string    // INFO, ERR , WARN
	Source  string    // JobDispatcher, TempDirectoryManager, …
	Message string    // its first line
}

const (
	levelInfo  = "INFO"
	levelError = "ERR "

	// fileTime and lineTime are those of src/Runner.Common/HostTraceListener.cs; echoTime is finer than
	// upstream's, which has whole seconds.
	fileTime = "20060102-150405"
	lineTime = "2006-01-02 15:04:05Z"
	echoTime = "2006-01-02 15:04:05.000000Z"

	// echoPrefix begins what a Worker writes to stdout when echoVar is set (StdoutTraceListener.cs). The
	// Listener drops lines that begin with echoMark.
	echoMark   = "[WORKER"
	echoPrefix = echoMark + " "
	echoVar    = "ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT"
)

// traceLog is a log in _diag. As upstream's it is named after the second in which it is opened, and two
// processes that start in the same second share a file.
type traceLog struct {
	mu   sync.Mutex
	file *os.File
}

func openTrace(diag, prefix string) (*traceLog, error) {
	if err := os.MkdirAll(diag, 0o777); err != nil {
		return nil, err
	}
	name := prefix + "_" + time.Now().UTC().Format(fileTime) + "-utc.log"
	file, err := os.OpenFile(filepath.Join(diag, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &traceLog{file: file}, nil
}

// write adds a record. Its lines are written at once, so that two processes do not mix theirs.
func (t *traceLog) write(now time.Time, level, source, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.file, "[%s %s %s] %s\n", now.UTC().Format(lineTime), level, source, text)
}

func (t *traceLog) close() error { return t.file.Close() }

// echo is a record as a Worker writes it to stdout.
func echo(now time.Time, level, source, text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return fmt.Sprintf("%s%s %s %s] %s\n", echoPrefix, now.UTC().Format(echoTime), level, source, text)
}

// parseEcho reads what echo made.
func parseEcho(line string) (r Record, ok bool) {
	rest, ok := strings.CutPrefix(line, echoPrefix)
	if !ok || len(rest) < len(echoTime)+len(" INFO ") {
		return r, false
	}
	var err error
	if r.Time, err = time.Parse(echoTime, rest[:len(echoTime)]); err != nil {
		return r, false
	}
	r.Level = rest[len(echoTime)+1 : len(echoTime)+5]
	r.Source, r.Message, ok = strings.Cut(rest[len(echoTime)+6:], "] ")
	return r, ok
}
