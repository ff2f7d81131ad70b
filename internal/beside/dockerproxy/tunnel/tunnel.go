package tunnel

import (
	"bufio"
	"io"
	"sync"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
)

// Exchange holds the changes to one request and its answer. The zero value changes nothing, and neither body is held
// back then.
type Exchange struct {
	// Target replaces the request target if it is not empty.
	Target string
	// Request returns the body to send instead. It must not change the one that it is given; returning
	// that one leaves the message as it came. An error is for the client, and nothing is sent.
	Request func(body []byte) ([]byte, error)
	// Response is the same for the answer, and is not called for one without a body. One that is longer than
	// [Tunnel.Limit] is passed on as it comes.
	Response func(status int, body []byte) []byte
}

// Tunnel relays connections.
type Tunnel struct {
	// Dial connects to the server.
	Dial func() (stream.Conn, error)
	// Route says what to change in a request with this method and target.
	Route func(method, target string) Exchange
	// Limit is the largest body that is held back to change it, in bytes. A longer request that Route
	// wants to change is refused with 413.
	Limit int
	// Refusal returns the body of an answer that is not the server's: its media type and text.
	Refusal func(err error) (mediaType string, body []byte)
}

// bufferSize is what is read at once, in bytes: less than a socket's buffer holds by default (208 KiB).
const bufferSize = 64 << 10

// Serve relays one client's connection until both sides are done, and closes it.
func (t *Tunnel) Serve(client stream.Conn) {
	defer client.Close()
	c := conn{
		Tunnel: t, client: client,
		asked: make(chan exchange, 1), verdict: make(chan bool, 1),
		fromClient: newReader(client),
	}
	defer putReader(c.fromClient)
	server, err := t.Dial()
	if err != nil {
		if _, herr := readHead(c.fromClient); herr == nil {
			c.refuse(serviceUnavailable, err)
		}
		return
	}
	defer server.Close()
	c.server, c.fromServer = server, newReader(server)
	defer putReader(c.fromServer)

	var wg sync.WaitGroup
	wg.Go(c.responses)
	c.requests() // first: the request is likely to be there already
	wg.Wait()
}

// readers are for the next connections: as many as a client like Docker's needs at once. A sync.Pool is emptied by each
// collection of garbage, and two new ones are more of that than all else in a connection.
var readers = make(chan *bufio.Reader, 4)

func newReader(conn io.Reader) *bufio.Reader {
	select {
	case r := <-readers:
		r.Reset(conn)
		return r
	default:
		return bufio.NewReaderSize(conn, bufferSize)
	}
}

func putReader(r *bufio.Reader) {
	r.Reset(nil)
	select {
	case readers <- r:
	default:
	}
}

// Forget lets go of the memory that is kept for the next connections.
func Forget() {
	for {
		select {
		case <-readers:
		default:
			return
		}
	}
}
