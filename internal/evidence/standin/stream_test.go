package standin

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

func TestStream(t *testing.T) {
	var b bytes.Buffer
	if err := send(&b, newJob, utf16Bytes("aé😀")); err != nil {
		t.Fatal(err)
	}
	want := "\x01\x00\x00\x00" + "\x08\x00\x00\x00" + "a\x00" + "\xe9\x00" + "\x3d\xd8\x00\xde"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	long := strings.Repeat("0123456789", 20_000)
	for kind, body := range map[messageType]string{cancelJob: "", newJob: long} {
		b.Reset()
		if err := send(&b, kind, utf16Bytes(body)); err != nil {
			t.Fatal(err)
		}
		k, got, err := receive(iotest.HalfReader(&b))
		if k != kind || got != body || err != nil {
			t.Errorf("%d of %d bytes: %d, %d bytes, %v", kind, len(body), k, len(got), err)
		}
	}
	for name, data := range map[string]string{
		"short": "\x01\x00\x00\x00\x02\x00\x00\x00a", "negative": "\x01\x00\x00\x00\xff\xff\xff\xff",
		"huge": "\x01\x00\x00\x00\x00\x00\x00\x7f", "odd": "\x01\x00\x00\x00\x01\x00\x00\x00a",
	} {
		if _, _, err := receive(strings.NewReader(data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestPairs(t *testing.T) {
	got, err := parsePairs("a=b=c\r\n\nd<<E\n1\n2\nE\ne<<F\nF\nf==<<\n")
	want := [][2]string{{"a", "b=c"}, {"d", "1\n2"}, {"e", ""}, {"f", "=<<"}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%q, %v", got, err)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
	for _, bad := range []string{"x", "a<<E\nb", "<<E\nE", "a<<\n"} {
		if got, err := parsePairs(bad); err == nil {
			t.Errorf("%q gave %q", bad, got)
		}
	}
}
