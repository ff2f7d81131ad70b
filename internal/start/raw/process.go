package raw

import (
	"unsafe"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Process is what the kernel laid on the stack (System V ABI; fs/binfmt_elf.c).
type Process struct {
	Argv, Envp unsafe.Pointer // C strings, and a null
	Worker     unsafe.Pointer // the part of argv that is the Worker's: all of it, or what follows an entry's word
	UID, gid   uintptr
	Page       uintptr // how large one is
	PlainIDs   bool    // the effective ids are the real ones
}

// Words of the auxiliary vector (include/uapi/linux/auxvec.h).
const (
	auxUID = 11 + iota
	auxEUID
	auxGID
	auxEGID

	auxPage = 6
)

// Read takes the stack apart.
//
//go:norace
//go:nocheckptr
func (p *Process) Read(sp unsafe.Pointer) {
	const word = unsafe.Sizeof(uintptr(0))
	argc := *(*uintptr)(sp)
	p.Argv = unsafe.Add(sp, word)
	p.Worker = p.Argv
	if argc > 2 && Has(Arg(p.Argv, 1), 0, runner.EntryWord+"\x00") { // see runner.Arguments
		p.Worker = unsafe.Add(p.Argv, 2*word)
	}
	p.Envp = unsafe.Add(p.Argv, (argc+1)*word)
	aux := p.Envp
	for *(*uintptr)(aux) != 0 {
		aux = unsafe.Add(aux, word)
	}
	var ids [auxEGID + 1]uintptr
	for aux = unsafe.Add(aux, word); *(*uintptr)(aux) != 0; aux = unsafe.Add(aux, 2*word) {
		if key := *(*uintptr)(aux); key < uintptr(len(ids)) {
			ids[key] = *(*uintptr)(unsafe.Add(aux, word))
		}
	}
	p.UID, p.gid, p.Page = ids[auxUID], ids[auxGID], ids[auxPage]
	p.PlainIDs = ids[auxEUID] == p.UID && ids[auxEGID] == p.gid
}

// Arg returns a string of the vector at v, nil past its end.
//
//go:norace
//go:nocheckptr
func Arg(v unsafe.Pointer, i int) Str { return *(*Str)(unsafe.Add(v, uintptr(i)*unsafe.Sizeof(v))) }

const (
	prefix = "WORKER_WRAP_"
	alone  = "WORKER_WRAP_ISOLATE=alone"
)

// Settings looks for worker-wrap's own in the environment. usual is false if there is any but the one of a Worker that
// is to be left alone if it is.
//
//go:norace
func (p *Process) Settings() (isAlone, usual bool) {
	for i := 0; ; i++ {
		e := Arg(p.Envp, i)
		switch {
		case e == nil:
			return isAlone, true
		case !Has(e, 0, prefix):
		case Has(e, 0, alone) && Char(e, len(alone)) == 0:
			isAlone = true
		default:
			return false, false
		}
	}
}

// SettingsIn looks for them in a file's text, as settings does.
//
//go:norace
func SettingsIn(text []byte) (isAlone, usual bool) {
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && text[end] != '\n' {
			end++
		}
		switch line := text[i:end]; {
		case len(line) == 0, line[0] == '#':
		case string(line) == alone:
			isAlone = true
		default:
			return false, false
		}
		i = end + 1
	}
	return isAlone, true
}

// PlainPath reports whether the path has no part that .NET or package filepath would take out: it means the same to
// everyone.
//
//go:norace
func PlainPath(data []byte) bool {
	for i := 0; i < len(data); {
		end := i
		for end < len(data) && data[end] != '/' {
			end++
		}
		part := data[i:end]
		if len(part) == 0 && i > 0 || len(part) == 1 && part[0] == '.' || len(part) == 2 && part[0] == '.' && part[1] == '.' {
			return false
		}
		i = end + 1
	}
	return len(data) > 0 && data[len(data)-1] != '/'
}
