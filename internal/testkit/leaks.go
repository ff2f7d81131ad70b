package testkit

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Main runs a package's tests and fails the run if they left a mount, a network interface or an open
// file descriptor behind. Use it as the whole of TestMain:
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
//
// Signals that it finds ignored, as nohup(1) and a shell's & leave them, the tests' processes do not.
func Main(m *testing.M) {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s) // what is caught has its default after exec (signal(7))
		}
	}
	os.Setenv("XDG_STATE_HOME", os.DevNull) // no start by hand notes what it covers in the home of who runs the tests
	before := snapshot()
	code := m.Run()
	Cleanup()
	var left []string
	// Descriptors of just-ended children close a moment later.
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if left = snapshot().minus(before); len(left) == 0 {
			break
		}
	}
	if len(left) > 0 && code == 0 {
		fmt.Fprintln(os.Stderr, "tests left behind:\n\t"+strings.Join(left, "\n\t"))
		code = 1
	}
	os.Exit(code)
}

// state is what can leak: "mount <mountpoint>", "network interface <name>" and "fd <target>", counted.
type state map[string]int

func snapshot() state {
	s := state{}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 4 && !elsewhere(f[4]) {
			s["mount "+f[4]]++
		}
	}
	links, _ := net.Interfaces()
	for _, l := range links {
		s["network interface "+l.Name]++
	}
	fds, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range fds {
		target, err := os.Readlink(fd)
		if err != nil || strings.HasPrefix(target, "anon_inode:[event") {
			continue // the glob's own descriptor, and the runtime's epoll
		}
		s["fd "+target]++
	}
	return s
}

// elsewhere reports whether a path is in the scratch folder of another test process: packages are tested
// side by side, and what those mount in their own folders is for them to answer for.
func elsewhere(path string) bool {
	if !strings.HasPrefix(path, scratch) {
		return false
	}
	scratchDirs.Lock()
	defer scratchDirs.Unlock()
	for _, dir := range scratchDirs.list {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return false
		}
	}
	return true
}

func (s state) minus(before state) []string {
	var left []string
	for k, n := range s {
		if n > before[k] {
			left = append(left, k)
		}
	}
	sort.Strings(left)
	return left
}
