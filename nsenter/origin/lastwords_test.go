package origin

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestLastWordsAreOneLine: what the runtime says comes in pieces, and is kept as far as it fits, until the line ends.
func TestLastWordsAreOneLine(t *testing.T) {
	if Captured() {
		t.Fatal("this program has been given the entry point")
	}
	state.entered = 1
	defer func() {
		state.entered = 0
		words.n, words.line = 0, [len(words.line)]byte{}
	}()
	say := func(text string) {
		if n := lastWords(2, unsafe.Pointer(unsafe.StringData(text)), int32(len(text))); int(n) != len(text) {
			t.Errorf("%q: %d bytes taken", text, n)
		}
	}
	say("fatal error: ")
	say("out of memory")
	if got := string(words.line[:words.n]); got != "fatal error: out of memory" {
		t.Errorf("kept is %q", got)
	}
	for text, want := range map[string]int{"fatal": 0, "memory": 20, "memory!": -1, "SIG": -1} {
		if got := said(text); got != want {
			t.Errorf("said(%q) is %d, want %d", text, got, want)
		}
	}
	for range 100 {
		say("and so on; ")
	}
	if words.n != len(words.line) || said("fatal") != 0 {
		t.Errorf("kept are %d bytes of a long line", words.n)
	}
}

// TestEmitTellsTheRuntime what the kernel says of a write.
func TestEmitTellsTheRuntime(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	text := "word"
	if n := emit(uintptr(fds[1]), unsafe.Pointer(unsafe.StringData(text)), 4); n != 4 {
		t.Errorf("%d bytes written", n)
	}
	unix.Close(fds[1])
	if n := emit(uintptr(fds[1]), unsafe.Pointer(unsafe.StringData(text)), 4); n != -int32(unix.EBADF) {
		t.Errorf("writing to a closed descriptor gives %d", n)
	}
}
