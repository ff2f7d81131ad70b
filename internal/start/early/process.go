package early

import (
	"unsafe"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// process is what the kernel laid on the stack (System V ABI; fs/binfmt_elf.c).
type process struct {
	argv, envp unsafe.Pointer // C strings, and a null
	worker     unsafe.Pointer // the part of argv that is the Worker's: all of it, or what follows an entry's word
	uid, gid   uintptr
	page       uintptr // how large one is
	plainIDs   bool    // the effective ids are the real ones
}

// Words of the auxiliary vector (include/uapi/linux/auxvec.h).
const (
	auxUID = 11 + iota
	auxEUID
	auxGID
	auxEGID

	auxPage = 6
)

// read takes the stack apart.
//
//go:norace
//go:nocheckptr
func (p *process) read(sp unsafe.Pointer) {
	const word = unsafe.Sizeof(uintptr(0))
	argc := *(*uintptr)(sp)
	p.argv = unsafe.Add(sp, word)
	p.worker = p.argv
	if argc > 2 && has(arg(p.argv, 1), 0, runner.EntryWord+"\x00") { // see runner.Arguments
		p.worker = unsafe.Add(p.argv, 2*word)
	}
	p.envp = unsafe.Add(p.argv, (argc+1)*word)
	aux := p.envp
	for *(*uintptr)(aux) != 0 {
		aux = unsafe.Add(aux, word)
	}
	var ids [auxEGID + 1]uintptr
	for aux = unsafe.Add(aux, word); *(*uintptr)(aux) != 0; aux = unsafe.Add(aux, 2*word) {
		if key := *(*uintptr)(aux); key < uintptr(len(ids)) {
			ids[key] = *(*uintptr)(unsafe.Add(aux, word))
		}
	}
	p.uid, p.gid, p.page = ids[auxUID], ids[auxGID], ids[auxPage]
	p.plainIDs = ids[auxEUID] == p.uid && ids[auxEGID] == p.gid
}

// arg returns a string of the vector at v, nil past its end.
//
//go:norace
//go:nocheckptr
func arg(v unsafe.Pointer, i int) str { return *(*str)(unsafe.Add(v, uintptr(i)*unsafe.Sizeof(v))) }

const (
	prefix = "WORKER_WRAP_"
	alone  = "WORKER_WRAP_ISOLATE=alone"
)

// settings looks for worker-wrap's own in the environment. usual is false if there is any but that of a Worker which
// is to be left alone if it is.
//
//go:norace
func (p *process) settings() (isAlone, usual bool) {
	for i := 0; ; i++ {
		e := arg(p.envp, i)
		switch {
		case e == nil:
			return isAlone, true
		case !has(e, 0, prefix):
		case has(e, 0, alone) && char(e, len(alone)) == 0:
			isAlone = true
		default:
			return false, false
		}
	}
}

// settingsIn looks for them in a file's text, as settings does.
//
//go:norace
func settingsIn(text []byte) (isAlone, usual bool) {
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

// plainPath reports whether the path has no part that .NET or package filepath would take out: it means the same to
// everyone.
//
//go:norace
func plainPath(data []byte) bool {
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
