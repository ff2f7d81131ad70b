package dockerproxy

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
)

// patience is how long the daemon may take to say what it knows. A client waits meanwhile.
const patience = 10 * time.Second

// ask returns the body of the daemon's answer to a GET, or nil if that is not one with status 200. target must need no
// escapes. The end of the connection is that of the answer to HTTP/1.0.
func ask(socket, target string) []byte {
	conn, err := stream.Dial(socket)
	if err != nil {
		return nil
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(patience)) != nil {
		return nil
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: docker\r\n\r\n", target); err != nil {
		return nil
	}
	answer, err := io.ReadAll(io.LimitReader(conn, bodyLimit))
	if err != nil {
		return nil
	}
	head, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	if version, status, _ := bytes.Cut(head, []byte(" ")); !bytes.HasPrefix(version, []byte("HTTP/1.")) || !bytes.HasPrefix(status, []byte("200 ")) {
		return nil
	}
	return body
}
