package common

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The levels of a record.
const (
	Info  = "INFO"
	Error = "ERR "
)

const (
	// fileTime and LineTime are those of src/Runner.Common/HostTraceListener.cs; EchoTime is finer than
	// upstream's, which has whole seconds.
	fileTime = "20060102-150405"
	LineTime = "2006-01-02 15:04:05Z"
	EchoTime = "2006-01-02 15:04:05.000000Z"

	// EchoPrefix begins what a Worker writes to stdout when EchoVar is set (StdoutTraceListener.cs). The
	// Listener drops lines that begin with EchoMark.
	EchoMark   = "[WORKER"
	EchoPrefix = EchoMark + " "
	EchoVar    = "ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT"
)

// Log is a log in _diag. As upstream's it is named after the second in which it is opened, and two
// processes that start in the same second share a file.
type Log struct {
	mu   sync.Mutex
	file *os.File
}

// OpenLog opens the log of a program that starts now.
func OpenLog(diag, prefix string) (*Log, error) {
	if err := os.MkdirAll(diag, 0o777); err != nil {
		return nil, err
	}
	name := prefix + "_" + time.Now().UTC().Format(fileTime) + "-utc.log"
	file, err := os.OpenFile(filepath.Join(diag, name), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &Log{file: file}, nil
}

// Write adds a record. Its lines are written at once, so that two processes do not mix theirs.
func (t *Log) Write(now time.Time, level, source, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.file, "[%s %s %s] %s\n", now.UTC().Format(LineTime), level, source, text)
}

// Close closes the log.
func (t *Log) Close() error { return t.file.Close() }

// Echo is a record as a Worker writes it to stdout.
func Echo(now time.Time, level, source, text string) string {
	text, _, _ = strings.Cut(text, "\n")
	return fmt.Sprintf("%s%s %s %s] %s\n", EchoPrefix, now.UTC().Format(EchoTime), level, source, text)
}

// Upstream is an error in the words of the runner, of .NET or of the actions toolkit.
type Upstream string

func (e Upstream) Error() string { return string(e) }
