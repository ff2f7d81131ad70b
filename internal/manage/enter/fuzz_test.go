package enter

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
)

// FuzzCredentials: what root's enter makes itself is the target's file system user and groups, all of them or an
// error, whatever that calls itself.
func FuzzCredentials(f *testing.F) {
	f.Add("cat", uint32(1000), uint32(1001), []byte("\x01\x00\x00\x00\x02\x00\x00\x00"), uint16(0o022), "Uid:\t1\t2\t3\t4\n")
	f.Add("\nUid:\t0\t0\t0\t0\n", uint32(1<<32-2), uint32(0), []byte(nil), uint16(0o777), "\nUid:\t1 2 3 4\nGid:\t1 2 3 4\nGroups:\t5 x 6\n")
	f.Add(`\`, uint32(0), uint32(7), []byte("\xff\xff\xff\x7f"), uint16(0), "\nUid: 1 2 x 3 4\nGid: 1 2 3 4\n")
	f.Add("", uint32(0), uint32(7), []byte{}, uint16(0), "\nUid: 1 2 3 4\nGid: 1 2 3 4\nUmask:\t7777\n")
	f.Add("", uint32(0), uint32(7), []byte{}, uint16(0), "\nUid: 1 2 3 -4\nGid: 1 2 3 99999999999999999999 4\n")
	f.Fuzz(func(t *testing.T, name string, uid, gid uint32, groups []byte, umask uint16, text string) {
		name = strings.NewReplacer("\n", `\n`, `\`, `\\`).Replace(name[:min(len(name), 15)])
		umask &= 0o777
		var list strings.Builder
		var want []int
		for ; len(groups) >= 4; groups = groups[4:] {
			want = append(want, int(binary.LittleEndian.Uint32(groups)))
			fmt.Fprintf(&list, "%d ", want[len(want)-1])
		}
		var got target
		// proc_pid_status(5): real, effective, saved set and file system ids.
		status := fmt.Sprintf("Name:\t%s\nUmask:\t%04o\nState:\tS\nUid:\t1\t2\t3\t%d\nGid:\t4\t5\t6\t%d\nFDSize:\t64\nGroups:\t%s\nNStgid:\t9\n", name, umask, uid, gid, &list)
		if err := got.credentials(procfs.Status(status)); err != nil || got.uid != int(uid) || got.gid != int(gid) || got.umask != int(umask) || !slices.Equal(got.groups, want) {
			t.Fatalf("%q gives %+v (%v)", status, got, err)
		}
		// Of anything else, numbers are at their places.
		got = target{}
		if got.credentials(procfs.Status(text)) != nil {
			return
		}
		for field, n := range map[string]int{"Uid": got.uid, "Gid": got.gid} {
			_, rest, _ := strings.Cut("\n"+text, "\n"+field+":")
			line, _, _ := strings.Cut(rest, "\n")
			if words := strings.Fields(line); len(words) < 4 || strings.TrimLeft(strings.TrimPrefix(words[3], "+"), "0") != strings.TrimLeft(fmt.Sprint(n), "0") || n < 0 {
				t.Fatalf("%q gives %s %d", text, field, n)
			}
		}
		if got.umask < 0 || got.umask > 0o777 {
			t.Fatalf("%q gives the umask %o", text, got.umask)
		}
	})
}
