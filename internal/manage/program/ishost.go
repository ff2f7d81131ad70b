package program

import (
	"bytes"
	"debug/elf"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

const (
	// slot is the size of a field in .NET's host program, EMBED_MAX in src/native/corehost of dotnet/runtime. A build
	// writes the name of the assembly to start there, over a placeholder, with zeros to its end (HostWriter.cs). It is
	// one byte longer since .NET 3.0.
	slot = 1024
	// maxImage bounds how much of a program is searched; real hosts have less than 200 KiB.
	maxImage = 16 << 20
)

// IsHost reports whether the file at path is a runner's own Worker for sure: .NET's host program, bound to the Worker's
// assembly. Whatever else names that assembly has a string, with no thousand zeros after it.
func IsHost(path string) bool {
	f, err := untrusted.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	program, err := elf.NewFile(f)
	if err != nil || program.Type != elf.ET_EXEC && program.Type != elf.ET_DYN {
		return false
	}
	// What lies before it ends with a zero too, or the name is longer and another's.
	mark := append([]byte{0}, runner.WorkerName+".dll"...)
	mark = append(mark, make([]byte, 1+slot-len(mark))...)
	left := uint64(maxImage)
	for _, p := range program.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz > left {
			continue
		}
		left -= p.Filesz
		data := make([]byte, p.Filesz)
		n, _ := p.ReadAt(data, 0)
		if bytes.Contains(data[:n], mark) || bytes.HasPrefix(data[:n], mark[1:]) {
			return true
		}
	}
	return false
}
