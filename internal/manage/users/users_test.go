package users

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
# ci:x:1:1::/:/bin/sh
+::::::
+nis:x:2:2::/:/bin/sh
short:x:3:3
odd:x:many:3::/:/bin/sh
ci:x:1000:1001:CI, of us:/home/ci:/bin/sh

other:x:1000:5::/:/bin/sh`

const groupFile = `root:x:0:
docker:x:998:root,ci
cis:x:997:cis,aci
ci:x:1001:ci
bad:x:y:ci
short:x:4
kvm:x:106:ci
`

func TestAccounts(t *testing.T) {
	byName := func(name string) (account, bool) {
		return findAccount(passwd, "", func(a account) bool { return a.name == name })
	}
	if a, ok := byName("ci"); !ok || a != (account{"ci", 1000, 1001, "/home/ci"}) {
		t.Errorf("ci: %+v, %v", a, ok)
	}
	for _, name := range []string{"# ci", "+", "+nis", "nis", "short", "odd", ""} {
		if a, ok := byName(name); ok {
			t.Errorf("%q: %+v", name, a)
		}
	}
	if a, ok := findAccount(passwd, "", func(a account) bool { return a.uid == 1000 }); !ok || a.name != "ci" {
		t.Errorf("uid 1000: %+v, %v; the first counts", a, ok)
	}
	if got := groupsOf(account{name: "ci", uid: 1000, gid: 1001}, groupFile); !slices.Equal(got, []int{1001, 998, 106}) {
		t.Errorf("groups %v", got)
	}
}

// TestSurely: a group that may run a file has perhaps more members than this machine's files know.
func TestSurely(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	const other = 1<<31 - 9
	for mode, sure := range map[os.FileMode]string{0o750: "", 0o740: file, 0o700: file, 0o755: "", 0o705: ""} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if by := SurelyBarredFrom(file, other); by != sure && !strings.HasPrefix(dir, by) {
			t.Errorf("%o: barred by %q", mode, by)
		}
		if by := BarredFrom(file, other); mode == 0o750 && by == "" {
			t.Error("a group has a member that nobody knows")
		}
	}
}

// TestUsersOfThisMachine: root is one everywhere.
func TestUsersOfThisMachine(t *testing.T) {
	if by := BarredFrom("users_test.go", 0); by == "" { // root runs only what somebody may run
		t.Error("root is to run a file of mode 644")
	}
	if name := Name(0); name != "root" {
		t.Errorf("uid 0 is %q", name)
	}
	for _, user := range []string{"root", "0"} {
		if uid, ok := ID(user); uid != 0 || !ok {
			t.Errorf("%s is %d, %v", user, uid, ok)
		}
	}
	for _, user := range []string{"00", "+0", "-0", " 0", "0x0", strconv.Itoa(1<<31 - 9), "4294967296"} { // as systemd has it
		if uid, ok := ID(user); ok {
			t.Errorf("%q is %d", user, uid)
		}
	}
	if groups := Groups(0); len(groups) == 0 || groups[0] != 0 {
		t.Errorf("root's groups are %v", groups)
	}
	const nobodyHas = 1<<31 - 9
	if name := Name(nobodyHas); name != strconv.Itoa(nobodyHas) {
		t.Errorf("%d is %q", nobodyHas, name)
	}
	if _, ok := ID("no such user"); ok || Groups(nobodyHas) != nil {
		t.Error("somebody who is not there has been found")
	}
}
