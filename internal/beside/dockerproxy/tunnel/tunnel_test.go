package tunnel_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/tunnel"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// limit is small, so that tests can pass it.
const limit = 4 << 10

// rig is a client's connection through a tunnel to a server that is the test itself.
type rig struct {
	t      *testing.T
	client *net.UnixConn
	server *net.UnixConn
}

// newRig changes POST /change and GET /show by turning "secret" into "public", and refuses "wrong".
func newRig(t *testing.T) rig {
	t.Helper()
	dir := testkit.Dir(t)
	listen := func(name string) *net.UnixListener {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	front, back := listen("front"), listen("back")
	dial := func(l *net.UnixListener) (*net.UnixConn, error) {
		return net.DialUnix("unix", nil, l.Addr().(*net.UnixAddr))
	}
	tun := &tunnel.Tunnel{
		Dial:  func() (stream.Conn, error) { return stream.Dial(filepath.Join(dir, "back")) },
		Limit: limit,
		Route: func(method, target string) tunnel.Exchange {
			var x tunnel.Exchange
			public := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("secret"), []byte("public!")) }
			switch {
			case method == "POST" && target == "/change":
				x.Request = func(body []byte) ([]byte, error) {
					if string(body) == "wrong" {
						return nil, errors.New("so not")
					}
					return public(body), nil
				}
			case method == "GET" && target == "/show", method == "HEAD":
				x.Response = func(status int, body []byte) []byte { return append(public(body), strconv.Itoa(status)...) }
			case target == "/from?a":
				x.Target = "/to?b"
			}
			return x
		},
		Refusal: func(err error) (string, []byte) { return "text/plain", []byte(err.Error()) },
	}
	client, err := dial(front)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	accepted := accept(t, front)
	go func() { defer close(done); tun.Serve(accepted) }()
	server, err := back.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*net.UnixConn{client, server} {
		if err := c.SetDeadline(time.Now().Add(testkit.Patience)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		client.Close()
		server.Close()
		<-done
	})
	return rig{t, client, server}
}

// accept accepts a connection as the proxy does.
func accept(t *testing.T, l *net.UnixListener) stream.Conn {
	t.Helper()
	file, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	conn, err := stream.Accept(file)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// send writes on one side and sees that just this arrives on the other.
func (r rig) send(from, to *net.UnixConn, text, arrives string) {
	r.t.Helper()
	if _, err := io.WriteString(from, text); err != nil {
		r.t.Fatal(err)
	}
	r.expect(to, arrives)
}

func (r rig) expect(to *net.UnixConn, arrives string) {
	r.t.Helper()
	got := make([]byte, len(arrives))
	n, err := io.ReadFull(to, got)
	if err != nil || string(got) != arrives {
		r.t.Fatalf("got %.300q (%v), want %.300q", got[:n], err, arrives)
	}
}

func (r rig) ask(text string) { r.t.Helper(); r.send(r.client, r.server, text, text) }

func (r rig) answer(text string) { r.t.Helper(); r.send(r.server, r.client, text, text) }

func (r rig) expectEnd(to *net.UnixConn) {
	r.t.Helper()
	if n, err := to.Read(make([]byte, 1)); err != io.EOF {
		r.t.Fatalf("%d bytes, %v; want the end", n, err)
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// TestBytes: messages of every form go through as they are, one after the other on one connection.
func TestBytes(t *testing.T) {
	r := newRig(t)
	for _, x := range []struct{ request, response string }{
		{"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n", ok},
		{"GET /x HTTP/1.1\nhOST:d\nx-Odd-cASE:   1\nX-Odd-Case: 2\n\n", "HTTP/1.1 200 Very OK\r\napi-version: 1\r\nSERVER:x\r\nContent-Length: 0\r\n\r\n"},
		{"HEAD /_ping HTTP/1.1\r\nHost: d\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"},
		{"DELETE /c HTTP/1.1\r\nHost: d\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"GET /c HTTP/1.1\r\nHost: d\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"},
		{"POST /c HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\n12345", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\n{}\n"},
		{"POST /build HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n5;ext=\"1\r\"\r\nabc\r\n\r\n0000A\r\n0123456789\r\n000\r\nTrailer: x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n1\r\n\n\r\n0\r\nT: 1\r\n\r\n"},
		{"PUT /load HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: Chunked\r\nContent-Length: 7\r\n\r\n0\r\n\r\n", ok},
		{"GET /show HTTP/1.1\r\nHost: d\r\nX: " + strings.Repeat("h", 300<<10) + "\r\n\r\n", "HTTP/1.1 200 OK\r\nY: " + strings.Repeat("y", 200<<10) + "\r\nContent-Length: 0\r\n\r\n"},
		{"GET http://d/show2 HTTP/1.1\r\nHost: d\r\n\r\n", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + ok},
		{"GET /slow HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1"},
	} {
		r.ask(x.request)
		r.answer(x.response)
	}
}

// TestPieces: what comes byte by byte is passed on byte by byte, once the head is there.
func TestPieces(t *testing.T) {
	r := newRig(t)
	head := "POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, b := range head[:len(head)-1] {
		if _, err := r.client.Write([]byte{byte(b)}); err != nil {
			t.Fatal(err)
		}
	}
	r.send(r.client, r.server, "\n", head)
	for _, b := range "3\r\nabc\r\n0\r\nA: b\r\n\r\n" {
		r.ask(string(b))
	}
	r.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	for _, b := range "2\r\nxy\r\n0\r\n\r\n" {
		r.answer(string(b))
	}
	r.ask("GET / HTTP/1.1\r\n\r\n")
	r.answer(ok)
}

// TestChanged: a changed body keeps its framing and the rest of the message.
func TestChanged(t *testing.T) {
	r := newRig(t)
	r.send(r.client, r.server, "POST /change HTTP/1.1\r\nhost: d\r\ncontent-LENGTH:  8\r\nX: y\r\n\r\n\"secret\"", "POST /change HTTP/1.1\r\nhost: d\r\ncontent-LENGTH: 9\r\nX: y\r\n\r\n\"public!\"")
	r.answer(ok)
	r.send(r.client, r.server, "POST /change HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x\r\n sec\r\n4\r\nret \r\n0\r\nT: 1\r\n\r\n", "POST /change HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n public! \r\n0\r\nT: 1\r\n\r\n")
	r.answer(ok)
	// What needs no change comes as it was, chunk extensions and all.
	r.ask("POST /change HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4;x\r\nopen\r\n00\r\nT: 1\r\n\r\n")
	r.answer(ok)
	r.ask("POST /change HTTP/1.1\r\nContent-Length: 4\r\n\r\nopen")
	r.answer(ok)
	r.ask("POST /change HTTP/1.1\r\n\r\n")
	r.answer(ok)
	r.send(r.client, r.server, "GET /from?a HTTP/1.1\r\nA: GET /from?a HTTP/1.1\r\n\r\n", "GET /to?b HTTP/1.1\r\nA: GET /from?a HTTP/1.1\r\n\r\n")
	r.answer(ok)

	show := "GET /show HTTP/1.1\r\n\r\n"
	r.ask(show)
	r.send(r.server, r.client, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX: y\r\n\r\nsecret", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX: y\r\n\r\npublic!200")
	r.ask(show)
	r.send(r.server, r.client, "HTTP/1.1 404 Not\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nsec\r\n3\r\nret\r\n0\r\n\r\n", "HTTP/1.1 404 Not\r\nTransfer-Encoding: chunked\r\n\r\na\r\npublic!404\r\n0\r\n\r\n")
	r.ask("HEAD /show HTTP/1.1\r\n\r\n")
	r.answer("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
	// Longer than what is held back: as it comes.
	long := strings.Repeat("secret", limit)
	r.ask(show)
	r.answer("HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(long)) + "\r\n\r\n" + long)
	r.ask(show)
	r.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strconv.FormatInt(int64(len(long)), 16) + "\r\n" + long + "\r\n0\r\n\r\n")
	r.ask(show)
	// One that ends with the connection, as HTTP/1.0 has it; the longer one as it comes.
	for _, x := range [][2]string{{"secret", "public!200"}, {long, long}} {
		r := newRig(t)
		r.ask("GET /show HTTP/1.0\r\n\r\n")
		if _, err := io.WriteString(r.server, "HTTP/1.0 200 OK\r\n\r\n"+x[0]); err != nil {
			t.Fatal(err)
		}
		r.server.Close()
		r.expect(r.client, "HTTP/1.0 200 OK\r\n\r\n"+x[1])
		r.expectEnd(r.client)
	}
}

// TestContinue: a client that waits for 100 Continue gets it, from the server where that sees the
// request at once.
func TestContinue(t *testing.T) {
	r := newRig(t)
	r.ask("POST /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	r.answer("HTTP/1.1 100 Continue\r\n\r\n")
	r.ask("x")
	r.answer(ok)
	r.send(r.client, r.client, "POST /change HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 6\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n")
	r.send(r.client, r.server, "secret", "POST /change HTTP/1.1\r\nContent-Length: 7\r\n\r\npublic!")
	r.answer(ok)
	r.send(r.client, r.server, "POST /change HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\nsecret", "POST /change HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 7\r\n\r\npublic!")
	r.answer(ok)
	// The server says no and does not read the body.
	r.ask("POST /c HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
	r.answer("HTTP/1.1 413 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	r.server.Close()
	r.expectEnd(r.client)
}

// TestUpgrade: after 101, and after an answer without an end, bytes go both ways, each until its end.
func TestUpgrade(t *testing.T) {
	for name, answer := range map[string]string{
		"101": "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
		"200": "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.ask("POST /attach HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
			// Sent before the answer is there: it is no request, but nobody can know yet.
			if _, err := io.WriteString(r.client, "early\n"); err != nil {
				t.Fatal(err)
			}
			r.answer(answer)
			r.expect(r.server, "early\n")
			r.answer("\x01out")
			r.ask("\x00\xffin\r\n\r\n")
			if err := r.client.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			r.expectEnd(r.server)
			r.answer("later")
			r.server.Close()
			r.expectEnd(r.client)
		})
	}
}

// TestHalfClosed: the server's side ends first, and it still reads.
func TestHalfClosed(t *testing.T) {
	r := newRig(t)
	r.ask("POST /attach HTTP/1.1\r\n\r\n")
	r.answer("HTTP/1.1 101 UPGRADED\r\n\r\n")
	if err := r.server.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	r.expectEnd(r.client)
	r.ask("still read")
	r.client.Close()
	r.expectEnd(r.server)
}

// TestHalfClosedRequest: a client may end its side behind a request.
func TestHalfClosedRequest(t *testing.T) {
	r := newRig(t)
	r.ask("GET /x HTTP/1.1\r\n\r\n")
	if err := r.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	r.expectEnd(r.server)
	r.answer(ok)
	r.server.Close()
	r.expectEnd(r.client)
}

// TestPipelined: requests that come at once are served one after the other.
func TestPipelined(t *testing.T) {
	r := newRig(t)
	one, two := "GET /1 HTTP/1.1\r\n\r\n", "POST /change HTTP/1.1\r\nContent-Length: 6\r\n\r\nsecret"
	r.send(r.client, r.server, one+two, one)
	r.answer(ok)
	r.expect(r.server, "POST /change HTTP/1.1\r\nContent-Length: 7\r\n\r\npublic!")
	r.answer(ok)
}

// TestGone: each side sees that the other is gone while it waits, and while it sends.
func TestGone(t *testing.T) {
	for name, gone := range map[string]func(rig) (left *net.UnixConn){
		"client, idle":         func(r rig) *net.UnixConn { r.client.Close(); return r.server },
		"client, while asking": func(r rig) *net.UnixConn { r.ask("GET /wait HTTP/1.1\r\n\r\n"); r.client.Close(); return r.server },
		"server, idle":         func(r rig) *net.UnixConn { r.server.Close(); return r.client },
		"server, while asked":  func(r rig) *net.UnixConn { r.ask("GET /wait HTTP/1.1\r\n\r\n"); r.server.Close(); return r.client },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			left := gone(r)
			r.expectEnd(left)
			for { // and cannot write for long
				if _, err := left.Write(make([]byte, 64<<10)); err != nil {
					break
				}
			}
		})
	}
}

// TestBlind: what is not HTTP/1 is the server's to judge.
func TestBlind(t *testing.T) {
	for _, text := range []string{
		"PRI * HTTP/2.0\r\n\r\nno preface",
		"\r\n",
		"nonsense\r\n\r\nmore",
		"GET / HTTP/1.1\r\nno colon\r\n\r\n",
		"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\nx",
		"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
		"GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\nx",
		"GET / HTTP/1.1\r\nX: " + strings.Repeat("h", 2<<20) + "\r\n\r\n",
		"\x16\x03\x01\x00\x05hello\n\n",
	} {
		r := newRig(t)
		done := make(chan error)
		go func() { _, err := io.WriteString(r.client, text); done <- err }()
		r.expect(r.server, text)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		r.answer("HTTP/1.1 400 Bad Request\r\n\r\nsorry")
		r.ask("on")
		r.client.Close()
		r.expectEnd(r.server)
	}
}

// TestRefused: the answers that are not the server's.
func TestRefused(t *testing.T) {
	for _, x := range []struct{ request, answer string }{
		{"POST /change HTTP/1.1\r\nContent-Length: 5\r\n\r\nwrong", "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 6\r\nConnection: close\r\n\r\nso not"},
		{"POST /change HTTP/1.1\r\nContent-Length: 5000\r\n\r\n", "HTTP/1.1 413 Content Too Large\r\n"},
		{"POST /change HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" + strings.Repeat("x", 5000), "HTTP/1.1 413 Content Too Large\r\n"},
	} {
		r := newRig(t)
		r.send(r.client, r.client, x.request, x.answer)
		if n, err := r.server.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("the server got %d bytes, %v", n, err)
		}
	}
}

// TestNoServer: while there is no server, a client is told.
func TestNoServer(t *testing.T) {
	fds, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(testkit.Dir(t), "s"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer fds.Close()
	client, err := net.DialUnix("unix", nil, fds.Addr().(*net.UnixAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	accepted := accept(t, fds)
	if _, err := io.WriteString(client, "GET / HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	tun := &tunnel.Tunnel{
		Dial:    func() (stream.Conn, error) { return stream.Conn{}, errors.New("nobody there") },
		Refusal: func(err error) (string, []byte) { return "text/plain", []byte(err.Error()) },
	}
	tun.Serve(accepted)
	answer, err := io.ReadAll(client)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") || !strings.HasSuffix(string(answer), "\r\n\r\nnobody there") {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestUnread: a side that does not read holds the other back, and nothing is lost or gathered.
func TestUnread(t *testing.T) {
	r := newRig(t)
	r.ask("GET /logs HTTP/1.1\r\n\r\n")
	r.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	chunk := "10000\r\n" + strings.Repeat("x", 0x10000) + "\r\n"
	if err := r.server.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for {
		n, err := io.WriteString(r.server, chunk)
		sent += n
		if err != nil {
			break
		}
	}
	if sent > 4<<20 {
		t.Errorf("%d bytes were taken from the server while the client read nothing", sent)
	}
	got := make([]byte, sent)
	if _, err := io.ReadFull(r.client, got); err != nil {
		t.Fatal(err)
	}
}

// TestHeadFirst: the head of an answer that is changed does not wait for a body that ends later: a client of POST
// /containers/x/wait starts the container when it has the head.
func TestHeadFirst(t *testing.T) {
	for _, c := range []struct{ version, head, body, changed, end string }{
		{"1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "6\r\nsecret\r\n0\r\n\r\n", "a\r\npublic!200\r\n0\r\n\r\n", ""},
		{"1.0", "HTTP/1.0 200 OK\r\n\r\n", "secret", "public!200", "closed"},
	} {
		r := newRig(t)
		r.ask("GET /show HTTP/" + c.version + "\r\n\r\n")
		r.answer(c.head)
		if c.end == "" {
			r.send(r.server, r.client, c.body, c.changed)
			continue
		}
		if _, err := io.WriteString(r.server, c.body); err != nil {
			t.Fatal(err)
		}
		r.server.Close()
		r.expect(r.client, c.changed)
		r.expectEnd(r.client)
	}
}
