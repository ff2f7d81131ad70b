//go:build guest

package starts_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// Flags of an export (include/uapi/linux/nfsd/export.h).
const (
	insecurePort   = 0x2
	rootSquash     = 0x4
	async          = 0x10
	noSubtreeCheck = 0x400
	withFsid       = 0x2000
)

// nfsExport starts the kernel's NFS server for this machine itself, with one file system, and returns its folder as
// the server has it. What rpc.mountd would answer the server is told beforehand, through the same files
// (nfsd(7)), so that no daemon is needed.
func nfsExport(t *testing.T, squash bool) string {
	t.Helper()
	testkit.RequireRoot(t)
	dir, memory := filepath.Join(testkit.Dir(t), "export"), filepath.Join(testkit.Dir(t), "recovery")
	for _, path := range []string{dir, memory} {
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mountFor(t, "tmpfs", dir, "tmpfs", "mode=755")
	const nfsd, never = "/proc/fs/nfsd", "2147483647"
	mountFor(t, "nfsd", nfsd, "nfsd", "")
	flags := insecurePort | async | noSubtreeCheck | withFsid
	if squash {
		flags |= rootSquash
	}
	for _, w := range [][2]string{
		{nfsd + "/versions", "-2 -3 +4 +4.1 +4.2"},
		{"/proc/net/rpc/auth.unix.ip/channel", "nfsd 127.0.0.1 " + never + " here"},
		{"/proc/net/rpc/nfsd.export/channel", fmt.Sprintf("here %s %s %d 65534 65534 0", dir, never, flags)},
		{"/proc/net/rpc/nfsd.fh/channel", `here 1 \x00000000 ` + never + " " + dir},
		{nfsd + "/nfsv4recoverydir", memory}, // without it the server waits for clients that it may have had
		{nfsd + "/portlist", "tcp 2049"},
		{nfsd + "/threads", "4"},
		{nfsd + "/v4_end_grace", "Y"},
	} {
		tell(t, w[0], w[1])
	}
	t.Cleanup(func() {
		tell(t, nfsd+"/threads", "0")
		now := fmt.Sprint(time.Now().Unix())
		for _, cache := range []string{"auth.unix.ip", "nfsd.export", "nfsd.fh"} {
			tell(t, "/proc/net/rpc/"+cache+"/flush", now)
		}
	})
	return dir
}

func tell(t *testing.T, path, line string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(line+"\n"), 0); err != nil {
		t.Errorf("%q: %v", line, err)
	}
}

// mountFor mounts for the length of the test.
func mountFor(t *testing.T, source, target, kind, options string) {
	t.Helper()
	err := unix.EIO
	for tries := 0; err == unix.EIO && tries < 3; tries++ { // on a busy host 5.10's nfsd once left a mount unanswered
		err, _ = unix.Mount(source, target, kind, 0, options).(unix.Errno)
	}
	if err != 0 {
		t.Fatalf("mount %s: %v", kind, err)
	}
	t.Cleanup(func() {
		eventually(t, func() error { return os.NewSyscallError("umount "+target, unix.Unmount(target, 0)) }) // who was just told to end may be in it
	})
}

// onNFS makes a runner whose work folder is on NFS, and returns it and the same as the server has it.
func onNFS(t *testing.T, shim string, squash bool) (s, server scratch) {
	t.Helper()
	work := nfsExport(t, squash)
	s = ordinary(t, shim)
	server = scratch{temp: filepath.Join(work, "_temp"), store: filepath.Join(work, ".worker-wrap")}
	if err := os.Mkdir(server.temp, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{work, server.temp} {
		if err := os.Chown(path, user, user); err != nil {
			t.Fatal(err)
		}
	}
	mountFor(t, "127.0.0.1:/", filepath.Dir(s.temp), "nfs4", "addr=127.0.0.1,clientaddr=127.0.0.1,vers=4.2,sec=sys,timeo=50,retrans=1")
	return s, server
}

// TestNFS starts Workers with a work folder on NFS, for which root is nobody or root.
func TestNFS(t *testing.T) {
	for _, squash := range []bool{false, true} {
		t.Run(fmt.Sprintf("root squashed %v", squash), func(t *testing.T) {
			s, server := onNFS(t, capable(t), squash)
			for _, settings := range [][]string{nil, {"ISOLATE=overlap"}, {"BACKING=tmpfs"}, {"USERNS=1"}, {"WAIT=1s"}} {
				want := isolated
				if settings != nil && settings[0] == "ISOLATE=overlap" {
					want = plain
				}
				c := command(settings, s.worker, "-c", program(s.temp))
				if _, err := finish(t, c, server.temp).allowed(want); err != nil {
					t.Errorf("%v: %v", settings, err)
				}
			}
			other := launch(t, command([]string{"ISOLATE=overlap"}, s.worker), s.worker, "-c", "echo up; read end")
			c := command([]string{"ISOLATE=overlap"}, s.worker, "-c", program(s.temp))
			if _, err := finish(t, c, server.temp).allowed(isolated); err != nil {
				t.Errorf("beside another: %v", err)
			}
			other.end(t)

			c = command(nil, s.worker, "-c", program(s.temp))
			c.SysProcAttr = nil // as root
			got, err := finish(t, c, server.temp).allowed(isolated, refused)
			if err != nil || (got == refused) != squash {
				t.Errorf("as root: %s, %v", got, err)
			}
			if squash {
				oneLine(t, c.err.String(), "permission denied", "root_squash")
			}
			s.allSwept(t, server)
		})
	}
}

// TestNFSSweep: a file that a process still has open when it is deleted is only renamed by the client
// (.nfsXXXX). That keeps its folder, and nothing else, until the process has ended.
func TestNFSSweep(t *testing.T) {
	s, server := onNFS(t, capable(t), false)
	code, _, stderr := s.run(t, "echo > "+s.temp+"/held; mkdir "+s.temp+"/d; echo > "+s.temp+"/d/more; sleep 1000 8<"+s.temp+"/held >/dev/null 2>&1 &")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if code, _, stderr = s.run(t, "echo > "+s.temp+"/plain"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var kept string
	eventually(t, func() error {
		if code, _, stderr := s.run(t, "rm -f "+s.temp+"/*"); code != 0 || stderr != "" {
			t.Fatalf("exit code %d: %s", code, stderr)
		}
		var others []string
		kept = ""
		for _, name := range entries(t, server.store) {
			if strings.HasPrefix(name, "undeletable.") {
				kept = filepath.Join(server.store, name)
			} else {
				others = append(others, name)
			}
		}
		if kept == "" {
			return fmt.Errorf("nothing is kept: %v", others)
		}
		return atMostOne(others)
	})
	if left := entries(t, kept); len(left) != 1 || !strings.HasPrefix(left[0], ".nfs") {
		t.Errorf("kept is %v, want the open file only", left)
	}
	// The sleeper is the only process that has the file open.
	for _, fd := range globAll(t, "/proc/[0-9]*/fd/8") {
		target, _ := os.Readlink(fd)
		if strings.Contains(target, "/.nfs") {
			var pid int
			if _, err := fmt.Sscanf(fd, "/proc/%d/", &pid); err != nil {
				t.Fatal(err)
			}
			if err := unix.Kill(pid, unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, func() error {
		gc := exec.Command(testkit.Binary(t), "gc", "--runner-root", s.root)
		if out, err := gc.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", gc, err, out)
		}
		if _, err := os.Stat(kept); err == nil {
			return fmt.Errorf("%s is still there", kept)
		}
		return nil
	})
}

func globAll(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestNFSStale replaces _temp and the store on the server, behind the client's back, while Workers start: what the
// client still holds is stale then (ESTALE). A start is isolated or refused, and when that is over it works.
func TestNFSStale(t *testing.T) {
	s, server := onNFS(t, capable(t), false)
	began := time.Now()
	if code, _, stderr := s.run(t, "true"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	usual := time.Since(began)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(rand.N(2 * usual)):
			}
			old := server.store + ".old"
			if os.Rename(server.store, old) == nil { // else no start has made it again yet
				_ = os.RemoveAll(old)
			}
			fresh := server.temp + ".new"
			if os.Mkdir(fresh, 0o755) != nil || os.Chown(fresh, user, user) != nil ||
				unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, server.temp, unix.RENAME_EXCHANGE) != nil {
				t.Error("_temp cannot be replaced")
				return
			}
			_ = os.RemoveAll(fresh)
		}
	})
	count := map[string]int{}
	for range 20 {
		c := command(nil, s.worker, "-c", "echo started")
		got, err := finish(t, c, server.temp).allowed(isolated, refused)
		if err != nil {
			t.Error(err)
		}
		if got == refused {
			got = c.err.String()[strings.LastIndex(c.err.String(), ": ")+2 : c.err.text.Len()-1]
		}
		count[got]++
	}
	close(stop)
	wg.Wait()
	t.Log(count)
	eventually(t, func() error {
		c := command(nil, s.worker, "-c", program(s.temp))
		_, err := finish(t, c, server.temp).allowed(isolated)
		return err
	})
}
