package program

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestBinaryAt(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Files(t, map[string]string{"ww": "x", "free/ww": "x"})
	path := filepath.Join(dir, "ww")
	if b := BinaryAt(path); b.Path != path || b.FileCaps || b.SysAdmin || b.SetID {
		t.Errorf("%+v", b)
	}
	setcap := testkit.RequireTool(t, "setcap", "libcap2-bin")
	for caps, want := range map[string][2]bool{
		FileCapability: {true, false}, "cap_sys_admin+ep": {true, true}, "cap_chown+p": {false, false}, "cap_chown+ep": {false, true}, "cap_chown,cap_sys_admin+eip": {true, true},
	} {
		if out, err := exec.Command(setcap, caps, path).CombinedOutput(); err != nil {
			t.Fatalf("setcap %s: %v: %s", caps, err, out)
		}
		if b := BinaryAt(path); !b.FileCaps || b.SysAdmin != want[0] || b.AllOrNothing != want[1] {
			t.Errorf("%s: %+v", caps, b)
		}
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if b := BinaryAt(filepath.Join(dir, "link")); b.Path != path {
		t.Errorf("a link is not followed: %+v", b)
	}
	if b := BinaryAt(filepath.Join(dir, "nothing")); b.Path != "" {
		t.Errorf("%+v", b)
	}
	if b := BinaryAt(path); b.WritableBy != "" { // /var/tmp is sticky
		t.Errorf("%+v", b)
	}
	free := filepath.Join(dir, "free")
	if err := os.Chmod(free, 0o777); err != nil {
		t.Fatal(err)
	}
	if b := BinaryAt(filepath.Join(free, "ww")); b.WritableBy != free {
		t.Errorf("%+v", b)
	}
	if err := os.Chmod(free, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(free, "ww"), os.ModeSetuid|0o755); err != nil {
		t.Fatal(err)
	}
	if b := BinaryAt(filepath.Join(free, "ww")); !b.SetID {
		t.Errorf("%+v", b)
	}
}

// attribute is a file's security.capability.
func attribute(magic uint32, words ...uint32) []byte {
	out := binary.LittleEndian.AppendUint32(nil, magic)
	for _, w := range words {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return out
}

// FuzzGrantsSysAdmin: an attribute grants the capability where it is one that the kernel heeds here
// (get_vfs_caps_from_disk in security/commoncap.c), with the capability permitted.
func FuzzGrantsSysAdmin(f *testing.F) {
	for _, seed := range [][]byte{
		attribute(0x02000001, 1<<21, 0, 0, 0), attribute(0x02000000, 1<<21, 0, 0, 0), attribute(0x02000001, 0, 1<<21, 1<<21, 0), attribute(0x02000001, 1<<21), attribute(0x02000001, 1<<21, 0, 0, 0, 0),
		attribute(0x03000001, 1<<21, 0, 0, 0, 1000), attribute(0x03000001, 1<<21, 0, 0, 0, 0), attribute(0x01000001, 1<<21, 0), attribute(0xff000001, 1<<21, 0, 0, 0), attribute(0x02000003, ^uint32(0), 0, 0, 0), nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v2 struct { // struct vfs_ns_cap_data without the root's id, which one of another user namespace has
			Magic                    uint32
			Permitted, Inheritable   uint32
			Permitted2, Inheritable2 uint32
		}
		r := bytes.NewReader(data)
		err := binary.Read(r, binary.LittleEndian, &v2)
		heeded := err == nil && r.Len() == 0 && v2.Magic>>24 == 2
		wantGrants, wantAll := heeded && v2.Permitted>>21%2 == 1, heeded && v2.Magic%2 == 1
		if grants, all := grantsSysAdmin(data); grants != wantGrants || all != wantAll {
			t.Fatalf("%x: %v, %v, want %v, %v", data, grants, all, wantGrants, wantAll)
		}
	})
}

// TestGrantsAsTheKernelDoes: what the kernel lets a file have, and shows of it, is judged as it does.
func TestGrantsAsTheKernelDoes(t *testing.T) {
	testkit.RequireRoot(t)
	cat, err := os.ReadFile(testkit.RequireTool(t, "cat", "coreutils"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testkit.Dir(t), "cat")
	if err := os.WriteFile(path, cat, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		data        []byte
		grants, all bool
	}{
		{attribute(0x02000001, 1<<21, 0, 0, 0), true, true},
		{attribute(0x02000000, 1<<21, 0, 0, 0), true, false},
		{attribute(0x02000001, 1, 0, 0, 0), false, true},
		{attribute(0x03000001, 1<<21, 0, 0, 0, 0), true, true},
		{attribute(0x03000000, 1<<21, 0, 0, 0, 0), true, false},
		{attribute(0x03000001, 1<<21, 0, 0, 0, 100000), false, false},
	} {
		if err := unix.Setxattr(path, "security.capability", test.data, 0); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(path, "/proc/self/status")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 61234, Gid: 61234}}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		status := procfs.Status(out)
		permitted, effective := status.Number("CapPrm", 16), status.Number("CapEff", 16)
		if b := BinaryAt(path); !b.FileCaps || b.SysAdmin != test.grants || b.AllOrNothing != test.all ||
			permitted&SysAdmin != 0 != test.grants || effective&SysAdmin != 0 != (test.grants && test.all) {
			t.Errorf("%x: %+v, and a process has %x, of which %x effective", test.data, b, permitted, effective)
		}
	}
}
