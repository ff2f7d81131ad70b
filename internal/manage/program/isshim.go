package program

import (
	"bytes"
	"debug/elf"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

const (
	// infoSection has what Go says of a program, stripped or not (runtime/debug.BuildInfo).
	infoSection = ".go.buildinfo"
	// maxInfo bounds how much of that is read.
	maxInfo = 1 << 20
	// mark is a line of it: the path of the main package. It holds whatever the packages within are called, in every
	// version so far.
	mark = "path\tgithub.com/worker-wrap/worker-wrap/cmd/worker-wrap\n"
)

// EntryAt returns which worker-wrap the file at path starts, if it is an entry: see [runner.Entry]. It may be gone.
func EntryAt(path string) (place string, ok bool) {
	head, err := untrusted.Head(path, runner.EntrySize)
	if err != nil {
		return "", false
	}
	return runner.ParseEntry(head)
}

// IsShim reports whether the file at path is a worker-wrap, of any version.
func IsShim(path string) bool {
	f, err := untrusted.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil {
		return false
	}
	info := program.Section(infoSection)
	if info == nil || info.Type == elf.SHT_NOBITS {
		return false
	}
	data := make([]byte, min(info.FileSize, maxInfo))
	n, _ := info.ReadAt(data, 0)
	return bytes.Contains(data[:n], []byte(mark))
}
