package tunnel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
)

// conn is one client's connection and the one to the server that belongs to it. One goroutine relays
// requests, another responses.
type conn struct {
	*Tunnel
	client, server         stream.Conn
	fromClient, fromServer *bufio.Reader
	// asked hands over a request before it is sent; verdict tells, once for each, whether the next bytes of the client
	// are a request again; if not, they are anything. It is closed with the server's side.
	asked   chan exchange
	verdict chan bool
	// http2 is set before the server hears of HTTP/2, and so before it answers in that.
	http2 atomic.Pointer[http2]
}

// exchange is a request that waits for its answer.
type exchange struct {
	method   string
	response func(status int, body []byte) []byte
}

// requests relays the client's side until it ends. Only one request is under way at a time, since
// its answer decides what the bytes behind it are.
func (c *conn) requests() {
	defer func() { end(c.client, c.server) }()
	for {
		h, err := readHead(c.fromClient)
		if err != nil && !errors.Is(err, errHead) {
			return
		}
		if err == nil && h.first == prefaceLine {
			c.http2.Store(&http2{began: make(chan struct{})})
			c.prior(h.raw)
			return
		}
		method, target, ok := h.request()
		f, ok2 := h.framing()
		if err != nil || !ok || !ok2 {
			_ = blindly(c.server, h.raw, c.fromClient)
			return
		}
		if err := c.request(&h, f, method, target); err != nil {
			return
		}
		// The client's end must reach the server while it works on the answer: it is how a client cancels.
		if _, err := c.fromClient.Peek(1); err != nil {
			return
		}
		if again := <-c.verdict; !again {
			_ = blindly(c.server, nil, c.fromClient)
			return
		}
	}
}

// request relays one request.
func (c *conn) request(h *head, f framing, method, target string) error {
	x := c.Route(method, target)
	if x.Target != "" {
		h.raw = h.replace("", x.Target, 0)
	}
	if x.Request == nil || f.empty() {
		c.asked <- exchange{method, x.Response}
		if f.empty() {
			_, err := c.server.Write(h.raw)
			return err
		}
		return relay(c.server, h.raw, c.fromClient, f.scanner())
	}

	if strings.EqualFold(h.field("Expect"), "100-continue") && !strings.HasSuffix(h.first, " HTTP/1.0") { // which does not know it
		// The server would ask for the body when it has the head, and gets the head only with the body.
		h.raw = h.without("Expect")
		if _, err := c.client.Write([]byte("HTTP/1.1 100 Continue\r\n\r\n")); err != nil {
			return err
		}
	}
	w, _, err := read(c.fromClient, f, c.Limit)
	switch {
	case errors.Is(err, errLong):
		c.refuse(contentTooLarge, fmt.Errorf("worker-wrap: the request is longer than %d bytes", c.Limit))
		return err
	case err != nil:
		// The client gave up, or the body makes no sense; the server is to see the same.
		return errors.Join(err, blindly(c.server, append(h.raw, w.raw...), c.fromClient))
	}
	body, err := x.Request(w.data)
	if err != nil {
		c.refuse(badRequest, err)
		return err
	}
	c.asked <- exchange{method, x.Response}
	_, err = c.server.Write(w.message(h, f, body))
	return err
}

// responses relays the server's side until it ends.
func (c *conn) responses() {
	defer close(c.verdict)
	defer func() { end(c.server, c.client) }()
	for {
		if _, err := c.fromServer.Peek(1); err != nil {
			return
		}
		select {
		case x := <-c.asked:
			if !c.response(x) {
				return
			}
		default: // nobody asked for this, or the client's bytes could not be understood
			if h := c.http2.Load(); h != nil {
				h.frames(c.client, c.fromServer)
				return
			}
			_ = blindly(c.client, nil, c.fromServer)
			return
		}
	}
}

// response relays the answer to one request, and reports whether another can follow it.
func (c *conn) response(x exchange) (again bool) {
	for {
		h, err := readHead(c.fromServer)
		status, ok := h.status()
		f, ok2 := h.framing()
		bare := x.method == "HEAD" || status == 204 || status == 304
		switch {
		case err != nil && !errors.Is(err, errHead):
			return false
		case err == nil && ok && status >= 100 && status < 200 && status != 101:
			if _, err := c.client.Write(h.raw); err != nil {
				return false
			}
			continue
		case err == nil && ok && ok2 && status != 101 && f.length < 0 && !f.chunked && !bare && x.response != nil:
			c.verdict <- false
			c.untilEnd(&h, status, x.response)
			return false
		case err != nil, !ok, !ok2, status == 101, f.length < 0 && !f.chunked && !bare:
			c.verdict <- false
			_ = blindly(c.client, h.raw, c.fromServer)
			return false
		case bare || f.empty():
			_, err = c.client.Write(h.raw)
		case x.response == nil:
			err = relay(c.client, h.raw, c.fromServer, f.scanner())
		default:
			err = c.changed(&h, f, status, x.response)
		}
		if err != nil {
			return false
		}
		c.verdict <- true
		return true
	}
}

// changed relays an answer with the body that change makes of it.
func (c *conn) changed(h *head, f framing, status int, change func(int, []byte) []byte) error {
	if f.chunked && c.fromServer.Buffered() == 0 { // a client may wait for this long before the body is there
		if _, err := c.client.Write(h.raw); err != nil {
			return err
		}
		h.raw = nil
	}
	w, rest, err := read(c.fromServer, f, c.Limit)
	if errors.Is(err, errLong) {
		return relay(c.client, append(h.raw, w.raw...), c.fromServer, rest)
	}
	if err != nil {
		_, werr := c.client.Write(append(h.raw, w.raw...))
		return errors.Join(err, werr)
	}
	_, err = c.client.Write(w.message(h, f, change(status, w.data)))
	return err
}

// untilEnd does so for a body that ends with the connection, as HTTP/1.0 has it.
func (c *conn) untilEnd(h *head, status int, change func(int, []byte) []byte) {
	if _, err := c.client.Write(h.raw); err != nil {
		return
	}
	body, err := io.ReadAll(io.LimitReader(c.fromServer, int64(c.Limit)+1))
	if err == nil && len(body) <= c.Limit {
		body = change(status, body)
	}
	_ = blindly(c.client, body, c.fromServer)
}

// Status lines of answers that are not the server's.
const (
	badRequest         = "400 Bad Request"
	contentTooLarge    = "413 Content Too Large"
	serviceUnavailable = "503 Service Unavailable"
)

// refuse answers instead of the server and ends the connection. No answer of the server's is under way.
func (c *conn) refuse(status string, err error) {
	mediaType, body := c.Refusal(err)
	_, _ = fmt.Fprintf(c.client, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, mediaType, len(body), body)
	c.client.Close()
}

// end passes on that one side has ended: wholly, so that the other side's writes fail as without this relay; or half,
// so that the answer to a half-closed stream still comes.
func end(ended, other stream.Conn) {
	if ended.HungUp() {
		other.Close()
		return
	}
	_ = other.CloseWrite()
}
