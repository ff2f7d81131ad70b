package tunnel

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync"
)

// http2 is a connection that speaks HTTP/2 with prior knowledge (RFC 9113, section 3.3), as dockerd does from API 1.54
// on for all of it. The clients that do so speak gRPC, which passes as it comes; anything else is refused, as nothing
// here changes what it asks for. The first request decides: the next ones name their fields by a table.
type http2 struct {
	client sync.Mutex    // held while a frame is written to the client
	began  chan struct{} // closed when the server's first frame was passed on
}

// first line of the client's preface, what follows its empty line, and the frames that matter here (section 6).
const (
	prefaceLine = "PRI * HTTP/2.0"
	prefaceRest = "SM\r\n\r\n"

	frameHead    = 9 // bytes
	frameData    = 0
	frameHeaders = 1
	frameGoAway  = 7
	endStream    = 0x1 // of data
	endHeaders   = 0x4
)

// grpcTypes are how a content type of gRPC's begins in a block of fields: as it is, and in the code of RFC 7541,
// appendix B.
var grpcTypes = [][]byte{[]byte("application/grpc"), {0x1d, 0x75, 0xd0, 0x62, 0x0d, 0x26, 0x3d, 0x4c, 0x4d, 0x65, 0x64}}

var errHTTP2 = errors.New("worker-wrap: requests by HTTP/2 with prior knowledge are not understood here, but for gRPC; use HTTP/1.1 on this socket")

// prior relays the client's side of such a connection, behind the first line of its preface.
func (c *conn) prior(head []byte) {
	if _, err := c.server.Write(head); err != nil {
		return
	}
	if rest, err := c.fromClient.Peek(len(prefaceRest)); err == nil && string(rest) == prefaceRest {
		if _, err := io.CopyN(c.server, c.fromClient, int64(len(rest))); err != nil {
			return
		}
		stream, fields, err := c.firstRequest()
		if err == nil && !bytes.Contains(fields, grpcTypes[0]) && !bytes.Contains(fields, grpcTypes[1]) {
			c.refuseStream(stream)
			return
		}
		if _, err := c.server.Write(fields); err != nil {
			return
		}
	}
	_ = blindly(c.server, nil, c.fromClient)
}

// firstRequest passes on what comes before the first request, and returns the request's fields in their frames.
func (c *conn) firstRequest() (stream uint32, frames []byte, err error) {
	for {
		h, err := c.fromClient.Peek(frameHead)
		if err != nil {
			return 0, nil, err
		}
		size, kind, last := frameSize(h), h[3], h[4]&endHeaders != 0
		switch {
		case kind != frameHeaders && frames == nil:
			if _, err := io.CopyN(c.server, c.fromClient, size); err != nil {
				return 0, nil, err
			}
			continue
		case int64(len(frames))+size > maxHead:
			return 0, frames, errHead
		case frames == nil:
			stream = binary.BigEndian.Uint32(h[5:])
		}
		frame := make([]byte, size)
		if _, err := io.ReadFull(c.fromClient, frame); err != nil {
			return 0, nil, err
		}
		if frames = append(frames, frame...); last {
			return stream, frames, nil
		}
	}
}

// frameSize is that of a frame with its head, in bytes.
func frameSize(head []byte) int64 {
	return frameHead + int64(binary.BigEndian.Uint32(append([]byte{0}, head[:3]...)))
}

// frames relays the server's side, frame by frame, so that another can come between them.
func (h *http2) frames(to io.Writer, from *bufio.Reader) {
	for {
		head, err := from.Peek(frameHead)
		if err != nil {
			_ = blindly(to, nil, from) // what is left
			return
		}
		h.client.Lock()
		_, err = io.CopyN(to, from, frameSize(head))
		h.client.Unlock()
		if err != nil {
			return
		}
		select {
		case <-h.began:
		default:
			close(h.began)
		}
	}
}

// refuseStream answers a request instead of the server, and ends the connection.
func (c *conn) refuseStream(stream uint32) {
	mediaType, body := c.Refusal(errHTTP2)
	fields := append([]byte{0x8c, 0x0f, 0x10, byte(len(mediaType))}, mediaType...) // :status 400, content-type (RFC 7541, appendix A)
	out := frame(frameHeaders, endHeaders, stream, fields)
	out = append(out, frame(frameData, endStream, stream, body)...)
	out = append(out, frame(frameGoAway, 0, 0, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, stream), 0))...)
	h := c.http2.Load()
	select { // the server's settings come first
	case <-h.began:
	case <-c.verdict: // its side has ended
	}
	h.client.Lock()
	_, err := c.client.Write(out)
	if err == nil {
		err = c.client.CloseWrite()
	}
	h.client.Unlock()
	if err == nil {
		_, _ = io.Copy(io.Discard, c.fromClient) // until the client has read it
	}
	c.client.Close()
}

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	out := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))[1:]
	out = binary.BigEndian.AppendUint32(append(out, kind, flags), stream)
	return append(out, payload...)
}
