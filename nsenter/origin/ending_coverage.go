//go:build worker_wrap_coverage

package origin

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"runtime/coverage"
	"strconv"

	"golang.org/x/sys/unix"
)

// coverDir is the folder that the counters are written to. It is part of the program (the linker's -X), as
// some of its processes have no environment.
var coverDir string

// stderr is the real os.Stderr, which is away while the packages are initialised: there Go's coverage would
// warn of a missing GOCOVERDIR, and a start's output is what the tests are about.
var stderr = os.Stderr

func init() {
	if coverDir != "" {
		os.Stderr = nil
	}
}

// CoverageReady is called once all packages are initialised.
func CoverageReady() { os.Stderr = stderr }

// ending writes how often each block of the program ran, before execve(2) or a signal ends it.
func ending() { WriteCoverage() }

// WriteCoverage writes the counters to a file of their own, or nothing: where the folder cannot be reached, the
// disk is full or no descriptor is left, that is what the test is about.
func WriteCoverage() {
	if coverDir == "" {
		return
	}
	var counters bytes.Buffer
	if err := coverage.WriteCounters(&counters); err != nil {
		panic(err)
	}
	const hashAt = 8 // internal/coverage, CounterFileHeader
	hash := hex.EncodeToString(counters.Bytes()[hashAt:][:16])
	_ = writeNew("covmeta."+hash, coverage.WriteMeta)
	for n := range 100 { // a PID can be used again, and execve(2) can fail
		name := "covcounters." + hash + "." + strconv.Itoa(os.Getpid()) + "." + strconv.Itoa(n)
		if writeNew(name, coverage.WriteCounters) != unix.EEXIST {
			return
		}
	}
}

// writeNew makes a file in coverDir, unless there is one of that name, and writes it in one piece.
func writeNew(name string, write func(io.Writer) error) error {
	path := coverDir + "/" + name
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var data bytes.Buffer
	if err = write(&data); err == nil {
		var n int
		if n, err = unix.Write(fd, data.Bytes()); err == nil && n < data.Len() {
			err = io.ErrShortWrite
		}
	}
	if err != nil {
		_ = unix.Unlink(path)
	}
	return err
}
