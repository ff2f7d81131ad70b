package message

import (
	"strconv"
	"strings"
	"testing"
)

func FuzzStartOf(f *testing.F) {
	f.Add([]byte("7 (a) b) R 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 184 0 0"))
	f.Add([]byte("7 (x) R 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 99999999999999999999 0 0"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var text [len(room)]byte
		n := copy(text[:], data)
		got := startOf(&text, n)
		if got < 0 {
			t.Fatalf("%q gives %d", data, got)
		}
		fields := strings.Split(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
		if got > 0 && (len(fields) < 22 || strings.TrimLeft(fields[20], "0") != strconv.FormatInt(got/tick, 10)) {
			t.Fatalf("%q gives %d", data, got)
		}
	})
}

func FuzzSource(f *testing.F) {
	f.Add("spawnclient", "160")
	f.Add("SPAWNCLIENT", "0")
	f.Add("spawn", "3")
	f.Fuzz(func(t *testing.T, word, number string) {
		fd := source(word, number)
		if fd < 0 {
			return
		}
		if n, err := strconv.Atoi(number); err != nil || n != fd || !strings.EqualFold(word, verb) {
			t.Fatalf("%q %q give %d", word, number, fd)
		}
	})
}
