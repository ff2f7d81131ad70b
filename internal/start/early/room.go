package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// room is what attempt and keep work with. It is not on the stack, whose size nobody has asked for. What a start touches
// lies together: each page of it costs a page fault.
type room struct {
	//lint:ignore U1000 the entry's assembly has it
	g [64]uintptr // stands for the runtime's g; a stack guard of 0 lies below every stack
	//lint:ignore U1000 as g
	tls     [2]uintptr // the storage in which amd64 looks for it
	p       raw.Process
	does    task
	shares  bool    // the keeper is to borrow this process's memory, see fork
	linked  bool    // link is there, and leads to what is started
	left    uint32  // of a keeper that borrows: whether that is over
	there   uint32  // it has not ended yet
	runs    uintptr // what new processes do
	last    bool    // the next is the keeper
	fileFD  uintptr // the record, if it is in a file
	workFD  uintptr
	rootFD  uintptr
	pidFD   uintptr
	viewFD  uintptr    // a mount namespace that is to be held open, 0 if there is none
	more    [3]uintptr // what else a keeper holds
	mores   int
	keeper  uintptr // PID of the keeper
	begun   unix.Timespec
	self    raw.Owner
	noted   note // what this start records
	st, exe unix.Statx_t
	above   unix.Statx_t // of the root
	root    raw.Path     // the runner's root, without a slash at its end
	real    raw.Path     // what stood in the Worker's place, and is started
	bin     int          // where its last part begins
	link    raw.Path     // a link to it that has the name of the entry
	work    raw.Path     // workFolder, as .runner has it
	text    [4096]byte

	// Of one that looks for others, or of a keeper:
	dents   [4096]byte
	missing int64    // since when there is no _temp, in milliseconds of the monotonic clock; 0 if there is one
	failed  int      // how long was waited after the last try that failed, in milliseconds; 0 if none did
	program raw.Path // what a keeper that guards starts
	own     raw.Path // the private folder that it lays
	polls   [3]unix.PollFd
	limit   unix.Timespec
	argv    [8]uintptr // of the program that a keeper becomes
	numbers [64]byte
	diag    raw.Path
	pollFD  unix.PollFd
	caps    raw.Capabilities
	allSet  uint64
	action  [4]uint64 // a struct sigaction, and more if words are short
	noEnv   uintptr
	stack   [stackSize]byte // of spawned processes
}

// rooms are the first keeper's, which may borrow it from the process that leaves it, and all others'.
var rooms [2]room

// place is where the rooms begin and end.
//
//go:norace
func place() [2]uintptr {
	begin := uintptr(unsafe.Pointer(&rooms))
	return [2]uintptr{begin, begin + unsafe.Sizeof(rooms)}
}
