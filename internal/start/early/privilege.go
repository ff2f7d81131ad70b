package early

import (
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

const sysAdmin = 1 << unix.CAP_SYS_ADMIN

// dropPrivilege leaves the keeper no capability, and no way to gain one from a file.
//
//go:norace
func (r *room) dropPrivilege() {
	raw.Call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	r.caps.Change([2]unix.CapUserData{})
}

// setCapabilities leaves the process CAP_SYS_ADMIN in the permitted set, if it has it there, or no capability. It is
// effective, and handed on to what the process becomes, as far as the arguments say.
//
//go:norace
func (r *room) setCapabilities(effective, inheritable uint32) {
	had := r.caps.Permitted() & sysAdmin
	r.caps.Change([2]unix.CapUserData{{Permitted: had, Effective: had & effective, Inheritable: had & inheritable}})
}
