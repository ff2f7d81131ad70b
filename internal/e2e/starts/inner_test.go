package starts_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestInnerByHand: the process that a supervisor starts does nothing for a person that it would not do for it.
func TestInnerByHand(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	good := func(line, parent int) []string {
		return []string{shim.InnerName, itoa(line), itoa(parent), "0", "0", s.temp, filepath.Dir(s.store), "", "", "", "sh", "-c", s.script()}
	}
	for says, c := range map[string]struct {
		args []string
	}{
		"worker-wrap-inner is started by worker-wrap only\n": {args: []string{shim.InnerName, "3", "1"}},
		"started by worker-wrap only: strconv.ParseUint":     {args: append([]string{shim.InnerName, "three"}, good(3, 1)[2:]...)},
		`"_work/_temp" is not an absolute path`:              {args: slices.Replace(good(3, 1), 5, 6, "_work/_temp")},
		`no runner has "/w" and ""`:                          {args: slices.Replace(good(3, 1), 8, 9, "/w")},
		"":                                                   {args: good(3, 1)}, // nobody there to tell it to go on
	} {
		start := command(nil, testkit.Binary(t))
		start.Args = c.args
		code := start.end(t)
		if says != "" {
			oneLine(t, start.err.String(), says)
		}
		if code != 125 || start.out.String() != "" {
			t.Errorf("%q: exit code %d, %q", c.args, code, &start.out)
		}
	}

	place := testkit.Dir(t)
	testkit.Give(t, place, user)
	theirs := func(path string) error { return errors.Join(os.MkdirAll(path, 0o755), os.Chown(path, user, user)) }
	// With someone there, the folder must be, and be the caller's and the child's, and that someone the parent.
	for _, c := range []struct {
		says    string
		uid     int
		parent  int
		prepare func(folder string) error
		folder  string // as it is told; the child's own if empty
		temp    string // instead of the runner's
		private string // places of the user's
		own     []string
	}{
		{says: "no such file or directory", uid: 0, parent: os.Getpid(), prepare: func(string) error { return nil }},
		{says: "no such file or directory", uid: 0, parent: os.Getpid(), prepare: func(string) error { return os.RemoveAll(s.store) }},
		{says: "belongs to uid 0", uid: user, parent: os.Getpid(), prepare: func(path string) error { return os.MkdirAll(path, 0o755) }},
		{says: "does not name a folder of process", uid: user, parent: os.Getpid(), prepare: func(string) error { return nil }, folder: "../_temp"},
		{says: "does not name a folder of process", uid: user, parent: os.Getpid(), prepare: func(string) error { return nil }, folder: "1-2-3-0123456789ab"},
		{says: "1 folders were made for 2 places", uid: user, parent: os.Getpid(), prepare: theirs, private: "/a:/b", own: []string{"x"}},
		{says: "does not name a folder of process", uid: user, parent: os.Getpid(), prepare: theirs, private: place, own: []string{"../_temp"}},
		{says: "WORKER_WRAP_PRIVATE: /etc belongs to uid 0", uid: user, parent: os.Getpid(), prepare: theirs, private: "/etc", own: []string{"x"}},
		{says: "another mount namespace", uid: user, parent: os.Getpid(), prepare: func(string) error { return nil }, temp: "/proc/self/root" + s.temp},
		{says: "the supervisor has ended", uid: 0, parent: 1, prepare: func(path string) error { return os.MkdirAll(path, 0o755) }},
	} {
		do(t, os.MkdirAll(s.store, 0o755))
		binary := testkit.Binary(t)
		if c.uid != 0 {
			binary = capable(t)
		}
		start := command(nil, binary)
		if c.uid == 0 {
			start.SysProcAttr = nil
		}
		start.Args = good(3, c.parent)
		if c.temp != "" {
			start.Args[5] = c.temp
		}
		line, child := startInner(t, start)
		do(t, c.prepare(filepath.Join(s.store, child.String())))
		folder := c.folder
		if folder == "" {
			folder = child.String()
		}
		over, err := json.Marshal(map[string]any{"Folder": folder, "Own": c.own, "Settings": map[string]string{"Private": c.private}})
		do(t, err)
		if _, err := line.Write(append(over, '\n')); err != nil {
			t.Fatal(err)
		}
		said, err := io.ReadAll(line)
		code := start.end(t)
		if err != nil || code != 125 || len(said) == 0 || said[0] != 125 || !strings.Contains(string(said), c.says) || s.started(start) != "" {
			t.Errorf("want %q: exit code %d, %q, %v, %q", c.says, code, said, err, &start.out)
		}
	}
}

// startInner starts the process and returns the line to it, its descriptor 3, and its name.
func startInner(t *testing.T, c *start) (line *os.File, child perpid.Owner) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	line, theirs := os.NewFile(uintptr(fds[0]), "child"), os.NewFile(uintptr(fds[1]), "supervisor")
	t.Cleanup(func() { line.Close() })
	defer theirs.Close()
	c.ExtraFiles = []*os.File{theirs}
	do(t, c.Start())
	self, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	if child, err = self.Peer(c.Process.Pid); err != nil {
		t.Fatal(err)
	}
	return line, child
}
