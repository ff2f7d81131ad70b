package users

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// The users and groups of this machine are read from their files, as package os/user does without cgo. That package
// would link cgo if there is a C compiler. A program with cgo cannot give up capabilities in all of its threads
// (syscall.AllThreadsSyscall).
var (
	usersFile  = file{path: "/etc/passwd"}
	groupsFile = file{path: "/etc/group"}
)

// file is one that is read again only if it has changed: each runner's user is asked for many times.
type file struct {
	path    string
	reading sync.Mutex
	as      unix.Stat_t // what was there when it was read
	read    string
}

func (f *file) text() (string, error) {
	f.reading.Lock()
	defer f.reading.Unlock()
	var now unix.Stat_t
	if err := unix.Stat(f.path, &now); err != nil {
		return "", err
	}
	now.Atim = unix.Timespec{}
	if now == f.as {
		return f.read, nil
	}
	data, err := os.ReadFile(f.path)
	if err == nil {
		f.as, f.read = now, string(data)
	}
	return string(data), err
}

// account is a line of passwd(5).
type account struct {
	name     string
	uid, gid int
	home     string
}

// Name returns the name of a user, or the number if the machine knows none.
func Name(uid int) string {
	if a, ok := accountWith(strconv.Itoa(uid), func(a account) bool { return a.uid == uid }); ok {
		return a.name
	}
	return strconv.Itoa(uid)
}

// ID returns the uid of a user as systemd takes User=: of a name, or of a number in decimal. A number, too, must be one
// that the machine knows: systemd 252 starts nothing as another (systemd's src/basic/user-util.c, get_user_creds).
func ID(user string) (uid int, ok bool) {
	is := func(a account) bool { return a.name == user }
	if n, err := strconv.ParseUint(user, 10, 32); err == nil && strconv.FormatUint(n, 10) == user {
		is = func(a account) bool { return a.uid == int(n) }
	}
	a, ok := accountWith(user, is)
	return a.uid, ok
}

// Home returns a user's home.
func Home(uid int) (home string, ok bool) {
	a, ok := accountWith(strconv.Itoa(uid), func(a account) bool { return a.uid == uid })
	return a.home, ok
}

// Homes returns the home of each user.
func Homes() map[int]string {
	out := map[int]string{}
	accountWith("", func(a account) bool {
		out[a.uid] = a.home
		return false
	})
	return out
}

// Groups returns the groups that a login gives a user, the primary one first. It returns none for a user
// that the machine does not know.
func Groups(uid int) []int {
	a, ok := accountWith(strconv.Itoa(uid), func(a account) bool { return a.uid == uid })
	if !ok {
		return nil
	}
	data, _ := groupsFile.text()
	return groupsOf(a, data)
}

func accountWith(word string, is func(account) bool) (account, bool) {
	data, err := usersFile.text()
	if err != nil {
		return account{}, false
	}
	return findAccount(data, word, is)
}

// findAccount returns the first account of a passwd file that is the one asked for.
func findAccount(passwd, word string, is func(account) bool) (account, bool) {
	for fields := range entries(passwd, 7, word) {
		uid, uerr := strconv.Atoi(fields[2])
		gid, gerr := strconv.Atoi(fields[3])
		if a := (account{fields[0], uid, gid, fields[5]}); uerr == nil && gerr == nil && is(a) {
			return a, true
		}
	}
	return account{}, false
}

// groupsOf returns an account's primary group, and those that name it in a group file (group(5)).
func groupsOf(a account, group string) []int {
	out := []int{a.gid}
	for fields := range entries(group, 4, a.name) {
		gid, err := strconv.Atoi(fields[2])
		if err == nil && !slices.Contains(out, gid) && slices.Contains(strings.Split(fields[3], ","), a.name) {
			out = append(out, gid)
		}
	}
	return out
}

// entries yields the lines that have so many fields and this word in one of them. Comments, and what NIS takes the place
// of ("+", "-"), are no entries.
func entries(file string, fields int, word string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(file) {
			if !strings.Contains(line, word) { // split none of the others: each runner's user is asked for many times
				continue
			}
			line = strings.TrimSpace(line)
			out := strings.Split(line, ":")
			if len(out) == fields && out[0] != "" && !strings.ContainsAny(out[0][:1], "#+-") && !yield(out) {
				return
			}
		}
	}
}
