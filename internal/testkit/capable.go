package testkit

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// GiveCapability gives a file what setcap cap_sys_admin=p does, the file capability that worker-wrap is installed with.
func GiveCapability(t testing.TB, path string) {
	t.Helper()
	RequireRoot(t)
	// struct vfs_cap_data, revision 2, without the effective flag; include/uapi/linux/capability.h
	capability := binary.LittleEndian.AppendUint32(nil, 0x02000000)
	for _, word := range []uint32{1 << unix.CAP_SYS_ADMIN, 0, 0, 0} {
		capability = binary.LittleEndian.AppendUint32(capability, word)
	}
	if err := unix.Setxattr(path, "security.capability", capability, 0); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Capable returns a copy of [Binary] with the file capability, in a scratch folder of its own.
func Capable(t testing.TB) string {
	t.Helper()
	return CapableCopy(t, Binary(t))
}

// CapableCopy returns a copy of that program with the file capability, in a scratch folder of its own.
func CapableCopy(t testing.TB, program string) string {
	t.Helper()
	path := filepath.Join(Dir(t), "worker-wrap")
	CopyProgram(t, program, path)
	GiveCapability(t, path)
	return path
}

// CopyProgram copies a program that is started at once.
func CopyProgram(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	WriteProgram(t, to, data)
}

// WriteProgram writes a program that is started at once. A test beside this one that forks meanwhile would have it open
// for writing, and it could not be started (ETXTBSY, execve(2)).
func WriteProgram(t testing.TB, path string, program []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
}
