package raw

import (
	"unsafe"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Process is what the kernel laid on the stack (System V ABI; fs/binfmt_elf.c). It has no pointers: to write one the
// compiler looks first whether Go's collector runs, in memory that a start otherwise never touches.
type Process struct {
	Argv, Envp uintptr // C strings, and a null
	Worker     uintptr // the part of argv that is the Worker's: all of it, or what follows an entry's word
	UID, gid   uintptr
	Page       uintptr // how large one is
	Image      uintptr // in the page at which the program begins
	PlainIDs   bool    // the effective ids are the real ones
}

// Words of the auxiliary vector (include/uapi/linux/auxvec.h).
const (
	auxUID = 11 + iota
	auxEUID
	auxGID
	auxEGID

	auxImage = 3 // the program headers, which follow the header of the file
	auxPage  = 6
)

// Read takes the stack apart.
//
//go:norace
//go:nocheckptr
func (p *Process) Read(sp unsafe.Pointer) {
	const word = unsafe.Sizeof(uintptr(0))
	argc := *(*uintptr)(sp)
	p.Argv = uintptr(sp) + word
	p.Worker = p.Argv
	if argc > 2 && Has(Arg(p.Argv, 1), 0, runner.EntryWord+"\x00") { // see runner.Arguments
		p.Worker = p.Argv + 2*word
	}
	p.Envp = p.Argv + (argc+1)*word
	aux := unsafe.Add(sp, (argc+2)*word)
	for *(*uintptr)(aux) != 0 {
		aux = unsafe.Add(aux, word)
	}
	var ids [auxEGID + 1]uintptr
	for aux = unsafe.Add(aux, word); *(*uintptr)(aux) != 0; aux = unsafe.Add(aux, 2*word) {
		if key := *(*uintptr)(aux); key < uintptr(len(ids)) {
			ids[key] = *(*uintptr)(unsafe.Add(aux, word))
		}
	}
	p.UID, p.gid, p.Page, p.Image = ids[auxUID], ids[auxGID], ids[auxPage], ids[auxImage]
	p.PlainIDs = ids[auxEUID] == p.UID && ids[auxEGID] == p.gid
}

// Arg returns a string of the vector at v, nil past its end.
//
//go:norace
//go:nocheckptr
func Arg(v uintptr, i int) Str {
	v += uintptr(i) * unsafe.Sizeof(v)
	return **(**Str)(unsafe.Pointer(&v))
}

// Is reports whether word i of the command line is that one, C strings both.
//
//go:norace
func (p *Process) Is(i int, word string) bool {
	s := Arg(p.Argv, i)
	return s != nil && Has(s, 0, word)
}

// HideWords makes name the process's command line, as far as there is room, and its environment nothing: who looks for
// Workers by their command line, or for a job's processes by their environment, is not to find it.
//
//go:norace
//go:nocheckptr
func (p *Process) HideWords(name string) {
	if p.Argv == 0 { // a program that was linked without an entry of its own
		return
	}
	room := Length(Arg(p.Argv, 0))
	for _, v := range [...]uintptr{p.Argv, p.Envp} {
		for i := 0; ; i++ {
			s := Arg(v, i)
			if s == nil {
				break
			}
			for k := 0; Char(s, k) != 0; k++ {
				*(*byte)(unsafe.Add(unsafe.Pointer(s), k)) = 0
			}
		}
	}
	s := Arg(p.Argv, 0) // the first word's place, which ends in a 0
	for k := range min(len(name), room) {
		*(*byte)(unsafe.Add(unsafe.Pointer(s), k)) = name[k]
	}
}

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
