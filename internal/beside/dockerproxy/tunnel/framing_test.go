package tunnel

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// FuzzFraming: if Go's server, which dockerd is, takes a message whole, this package sees the same end, or does not
// look at it at all; and where the bytes are cut makes no difference.
func FuzzFraming(f *testing.F) {
	for _, s := range []string{
		"POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n",
		"POST / HTTP/1.1\nHost: d\nTransfer-Encoding: chunked\n\n3;x=y\nabc\r\n0\r\nT: 1\r\n\r\nrest",
		"POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nA \r\n0123456789\r\n00\r\n\r\n",
		"PUT / HTTP/1.0\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		"GET / HTTP/1.1\r\nHost: d\r\nX:\ty\r\n z\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: d\r\nContent-Length: \r\n\r\n",
		"GET / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\n\r\r\n0\n\n",
	} {
		f.Add([]byte(s), 3)
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		theirs := bufio.NewReader(bytes.NewReader(stream))
		request, err := http.ReadRequest(theirs)
		if err != nil {
			return
		}
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		wantRest, _ := io.ReadAll(theirs)

		ours := bufio.NewReaderSize(bytes.NewReader(stream), 16)
		h, err := readHead(ours)
		if err != nil {
			return
		}
		method, target, ok := h.request()
		fr, ok2 := h.framing()
		if !ok || !ok2 {
			return
		}
		if method != request.Method || target != request.RequestURI {
			t.Fatalf("%s %s, want %s %s", method, target, request.Method, request.RequestURI)
		}
		w, _, err := read(ours, fr, len(stream))
		if err != nil {
			t.Fatalf("%q: %v", stream, err)
		}
		if rest, _ := io.ReadAll(ours); !bytes.Equal(rest, wantRest) || !bytes.Equal(w.data, body) {
			t.Fatalf("%q: the body is %q and %q follows; want %q and %q", stream, w.data, rest, body, wantRest)
		}
		if joined := append(append(h.raw, w.raw...), wantRest...); !bytes.Equal(joined, stream) {
			t.Fatalf("%q became %q", stream, joined)
		}
		if !bytes.Equal(w.raw, cutAt(t, fr, w.raw, cut)) {
			t.Fatalf("%q, cut at %d, ends elsewhere", stream, cut)
		}
	})
}

// cutAt scans a body in two pieces and returns what belongs to it.
func cutAt(t *testing.T, f framing, body []byte, cut int) []byte {
	if f.empty() {
		return nil
	}
	s := f.scanner()
	cut = max(0, min(cut, len(body)-1))
	n, done, err := s.scan(body[:cut])
	if err != nil || done || n != cut {
		t.Fatalf("%q, first %d: %d, %v, %v", body, cut, n, done, err)
	}
	m, done, err := s.scan(append(bytes.Clone(body[cut:]), "more"...))
	if err != nil || !done {
		t.Fatalf("%q, from %d: %v, %v", body, cut, done, err)
	}
	return body[:n+m]
}
