package common

import (
	"encoding/binary"
	"fmt"
	"io"
	"unicode/utf16"
)

// MessageType is what a message on the pipes means (src/Runner.Common/ProcessChannel.cs).
type MessageType int32

// The types of messages.
const (
	NewJob          MessageType = 1
	CancelJob       MessageType = 2
	RunnerShutdown  MessageType = 3
	MachineShutdown MessageType = 4
)

// maxString is the longest body in bytes that either side takes (src/Runner.Common/StreamString.cs).
const maxString = 50 * 1000000

// Send writes a message: its type and its body's length in bytes, each an int32 in little-endian, and
// the body in UTF-16LE. As upstream it makes three writes of it, so that a reader may see parts.
func Send(w io.Writer, kind MessageType, data []byte) error {
	if len(data) > maxString {
		return fmt.Errorf("a message of %d bytes is too long (limit %d)", len(data), maxString)
	}
	for _, part := range [][]byte{
		binary.LittleEndian.AppendUint32(nil, uint32(kind)),
		binary.LittleEndian.AppendUint32(nil, uint32(len(data))),
		data,
	} {
		if len(part) == 0 {
			continue
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// UTF16 is a message's body.
func UTF16(body string) []byte {
	units := utf16.Encode([]rune(body))
	data := make([]byte, 0, 2*len(units))
	for _, u := range units {
		data = binary.LittleEndian.AppendUint16(data, u)
	}
	return data
}

// Receive reads a message.
func Receive(r io.Reader) (MessageType, string, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, "", err
	}
	kind := MessageType(binary.LittleEndian.Uint32(head[:4]))
	n := int32(binary.LittleEndian.Uint32(head[4:]))
	if n < 0 || n > maxString || n%2 != 0 {
		return kind, "", Upstream("System.IO.InvalidDataException: Found invalid data while decoding.")
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		return kind, "", err
	}
	units := make([]uint16, n/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(data[2*i:])
	}
	return kind, string(utf16.Decode(units)), nil
}
