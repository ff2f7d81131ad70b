package tunnel

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
)

// FuzzAnswer: of what a server sends, the client gets every byte as it came, changed or not; and if Go's client, which
// Docker's is, takes an answer whole, this package sees the same end, or lets go of the connection. So nothing can be
// taken for another answer.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\nmore",
		"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nanything",
		"HTTP/1.1 101 UPGRADED\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore", "HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 200\nContent-Length: 0\n\n", "HTTP/1.1 200 OK\r\n\r\nto the end",
		"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n1\r\na\r\n0\r\n\r\n", "HTTP/1.1 +20 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1  200 OK\r\nContent-Length: 1\r\n\r\na", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1. 000 \n\n", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\r\n\n\r\na", "HTTP/1.1 200 OK\r\nX: a\x12\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nshort", "ICY 200 OK\r\n\r\n", "\r\n",
	} {
		for method := range 2 {
			f.Add([]byte(s), method == 1, false)
			f.Add([]byte(s), method == 1, true)
		}
	}
	got, err := unix.MemfdCreate("client", unix.MFD_CLOEXEC)
	if err != nil {
		f.Fatal(err)
	}
	client, err := stream.New(got)
	if err != nil {
		f.Fatal(err)
	}
	defer client.Close()
	f.Fuzz(func(t *testing.T, sent []byte, head, looks bool) {
		x := exchange{method: http.MethodGet}
		if head {
			x.method = http.MethodHead
		}
		if looks {
			x.response = func(_ int, body []byte) []byte { return body }
		}
		if err := client.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		c := conn{Tunnel: &Tunnel{Limit: 64}, client: client, fromServer: bufio.NewReaderSize(bytes.NewReader(sent), 16), verdict: make(chan bool, 1)}
		again := c.response(x)
		rest, _ := io.ReadAll(c.fromServer)
		passed, err := os.ReadFile("/proc/self/fd/" + strconv.Itoa(got))
		if err != nil {
			t.Fatal(err)
		}
		told := len(c.verdict) == 1
		if again && !(told && <-c.verdict) || !again && told && <-c.verdict {
			t.Fatalf("%q: another answer can follow: %v, and the other side is told otherwise", sent, again)
		}
		// Whoever ends the connection without a word may have bytes left that belong to nobody.
		if !bytes.HasPrefix(sent, passed) || (again || told) && len(passed)+len(rest) != len(sent) {
			t.Fatalf("%q became %q, and %q is left", sent, passed, rest)
		}

		theirs := bufio.NewReader(bytes.NewReader(sent))
		request := &http.Request{Method: x.method}
		answer, err := http.ReadResponse(theirs, request)
		for err == nil && answer.StatusCode >= 100 && answer.StatusCode < 200 && answer.StatusCode != http.StatusSwitchingProtocols {
			answer, err = http.ReadResponse(theirs, request)
		}
		if err != nil {
			// Beside Transfer-Encoding, which counts, a Content-Length may be anything here (RFC 9112, section 6.3).
			if again && !strings.Contains(strings.ToLower(string(sent)), "transfer-encoding") {
				t.Fatalf("%q: for Go's client that is no answer (%v)", sent, err)
			}
			return
		}
		if _, err := io.ReadAll(answer.Body); err != nil {
			return
		}
		left, _ := io.ReadAll(theirs)
		end := len(sent) - len(left)
		switch {
		case again && len(passed) != end:
			t.Fatalf("%q: the answer ends at %d, and for Go's client at %d", sent, len(passed), end)
		case !again && !told:
			t.Fatalf("%q: the connection ends, and Go's client has an answer in %d bytes", sent, end)
		case !again && len(passed) != len(sent):
			t.Fatalf("%q became %q", sent, passed)
		}
	})
}
