package common

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

func TestStream(t *testing.T) {
	var b bytes.Buffer
	if err := Send(&b, NewJob, UTF16("aé😀")); err != nil {
		t.Fatal(err)
	}
	want := "\x01\x00\x00\x00" + "\x08\x00\x00\x00" + "a\x00" + "\xe9\x00" + "\x3d\xd8\x00\xde"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
	long := strings.Repeat("0123456789", 20_000)
	for kind, body := range map[MessageType]string{CancelJob: "", NewJob: long} {
		b.Reset()
		if err := Send(&b, kind, UTF16(body)); err != nil {
			t.Fatal(err)
		}
		k, got, err := Receive(iotest.HalfReader(&b))
		if k != kind || got != body || err != nil {
			t.Errorf("%d of %d bytes: %d, %d bytes, %v", kind, len(body), k, len(got), err)
		}
	}
	for name, data := range map[string]string{
		"short": "\x01\x00\x00\x00\x02\x00\x00\x00a", "negative": "\x01\x00\x00\x00\xff\xff\xff\xff",
		"huge": "\x01\x00\x00\x00\x00\x00\x00\x7f", "odd": "\x01\x00\x00\x00\x01\x00\x00\x00a",
	} {
		if _, _, err := Receive(strings.NewReader(data)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
