package message

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// long is a time that no test waits for.
const long = time.Hour

// pipe returns the ends of a pipe, and the arguments of a Worker that reads from it.
func pipe(t *testing.T) (read, write *os.File, args []string) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	read, write = os.NewFile(uintptr(fds[0]), "read"), os.NewFile(uintptr(fds[1]), "write")
	t.Cleanup(func() { read.Close(); write.Close() })
	return read, write, worker(fds[0])
}

func worker(fd int) []string {
	return []string{"/r/bin/Runner.Worker", "spawnclient", strconv.Itoa(fd), "164"}
}

// encoded is a message with a body of n bytes.
func encoded(n int) []byte {
	head := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, 1), uint32(n))
	return append(head, make([]byte, n)...)
}

// TestTake: one message is read, whatever its size and in whatever pieces it comes, and nothing after it.
func TestTake(t *testing.T) {
	for name, c := range map[string]struct{ size, piece int }{
		"none": {0, 8}, "1 byte": {1, 9}, "byte by byte": {300, 1}, "three writes": {4000, 4}, "pipe full": {64 << 10, 1 << 20},
		"room and one": {64<<10 + 1, 3000}, "1 MB": {1 << 20, 1 << 20}, "50 MB": {50_000_000, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			read, write, args := pipe(t)
			go func() {
				data := append(encoded(c.size), "rest"...)
				for len(data) > 0 {
					n, err := write.Write(data[:min(c.piece, len(data))])
					if err != nil {
						return
					}
					data = data[n:]
				}
				write.Close()
			}()
			Take(args, long)
			rest := make([]byte, 10)
			n := 0
			for {
				m, err := unix.Read(int(read.Fd()), rest[n:])
				if err != nil || m == 0 {
					break
				}
				n += m
			}
			if string(rest[:n]) != "rest" {
				t.Errorf("after the message the pipe has %q", rest[:n])
			}
		})
	}
}

// TestTakeTakesNothing: what is no Worker's start, and what is no pipe to read from, is left alone, at once.
func TestTakeTakesNothing(t *testing.T) {
	read, write, good := pipe(t)
	if _, err := write.Write(encoded(2)); err != nil {
		t.Fatal(err)
	}
	number := good[2]
	for _, args := range [][]string{
		nil, good[:1], good[:2], good[:3], append(good, "more"),
		{"Runner.Worker", "spawn", number, "164"},
		{"Runner.Worker", "", number, "164"},
		{"Runner.Worker", "3pawnclient", number, "164"},
		{"Runner.Worker", "spawnclient", "", "164"},
		{"Runner.Worker", "spawnclient", "-" + number, "164"},
		{"Runner.Worker", "spawnclient", " " + number, "164"},
		{"Runner.Worker", "spawnclient", number + "x", "164"},
		{"Runner.Worker", "spawnclient", "4294967296" + number, "164"},
		{"Runner.Worker", "spawnclient", "999999999", "164"},
		{"Runner.Worker", "spawnclient", "9999", "164"},
		{"Runner.Worker", "spawnclient", strconv.Itoa(int(write.Fd())), "164"},
	} {
		Take(args, long)
		if n := waiting(t, read); n != 10 {
			t.Fatalf("%q: the pipe has %d bytes left", args, n)
		}
	}
	Leave(1)
	Take(good, long)
	if n := waiting(t, read); n != 10 {
		t.Errorf("what was left to another process is gone: %d bytes", n)
	}
	Return()
	Take([]string{"/r/bin/Runner.Worker.orig", "spawnclient", number, "164"}, long) // another tool has moved the entry there
	if n := waiting(t, read); n != 0 {
		t.Errorf("%d bytes are left by the other name", n)
	}
	if _, err := write.Write(encoded(2)); err != nil {
		t.Fatal(err)
	}
	good[1] = "SpawnClient" // the Worker does not mind
	Take(good, long)
	if n := waiting(t, read); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

// TestTakeFromNoPipe: descriptors that are open, and not a pipe's.
func TestTakeFromNoPipe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, encoded(2), 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, flags := range map[string]int{file: unix.O_RDONLY, "/dev/null": unix.O_RDONLY, "/": unix.O_RDONLY, "/dev/ptmx": unix.O_RDWR | unix.O_NOCTTY, fifo: unix.O_PATH} {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		Take(worker(fd), long)
		unix.Close(fd)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	Take(worker(pair[0]), long)
}

// TestTakeEnds: with the Listener, at a length that makes no sense, or in time.
func TestTakeEnds(t *testing.T) {
	for name, c := range map[string]struct {
		sent []byte
		gone bool
	}{
		"gone":             {nil, true},
		"gone in the type": {encoded(0)[:3], true},
		"gone in the body": {encoded(100)[:50], true},
		"negative length":  {[]byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, false},
		"the least length": {[]byte{1, 0, 0, 0, 0, 0, 0, 0x80}, false},
	} {
		t.Run(name, func(t *testing.T) {
			read, write, args := pipe(t)
			if _, err := write.Write(c.sent); err != nil {
				t.Fatal(err)
			}
			if c.gone {
				write.Close()
			}
			Take(args, long) // or the test never ends
			if n := waiting(t, read); n != 0 {
				t.Errorf("%d bytes are left", n)
			}
		})
	}
	for name, sent := range map[string][]byte{
		"silent": nil, "half a head": encoded(0)[:5], "a length that does not come": {1, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3},
	} {
		t.Run(name, func(t *testing.T) {
			read, write, _ := pipe(t)
			if _, err := write.Write(sent); err != nil {
				t.Fatal(err)
			}
			until := now() + int64(time.Second)
			drain(int(read.Fd()), until)
			if now() < until {
				t.Error("it ended before its time")
			}
			if n := waiting(t, read); n != 0 {
				t.Errorf("%d bytes are left", n)
			}
		})
	}
}

// TestTakeLeavesFlags: the pipe's flags belong to the Listener too, and one that does not block is waited for.
func TestTakeLeavesFlags(t *testing.T) {
	for _, flag := range []int{0, unix.O_NONBLOCK} {
		read, write, args := pipe(t)
		fd := int(read.Fd())
		before, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flag)
		if err != nil {
			t.Fatal(before, err)
		}
		go func() {
			for _, part := range encoded(20) {
				if _, err := write.Write([]byte{part}); err != nil {
					return
				}
			}
		}()
		Take(args, long)
		if got, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || got&unix.O_NONBLOCK != flag {
			t.Errorf("the pipe's flags are %#x, %v", got, err)
		}
	}
}

// waiting returns how many bytes are in a pipe.
func waiting(t *testing.T, read *os.File) int {
	t.Helper()
	n, err := unix.IoctlGetInt(int(read.Fd()), unix.TIOCINQ)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
