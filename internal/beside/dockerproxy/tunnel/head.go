package tunnel

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxHead bounds the head of a message, in bytes. Go's server takes 1 MiB and 4 KiB for one
// (net/http.DefaultMaxHeaderBytes), and refuses more itself.
const maxHead = 1<<20 + 8<<10

// errHead says that what was read is not a head this package understands.
var errHead = errors.New("not the head of an HTTP/1 message")

// head is the head of a message: the bytes as they came, with the empty line, and what is in them.
type head struct {
	raw    []byte
	first  string // the first line without its end
	fields []field
}

// field is one line of a head.
type field struct{ name, value string }

// values returns the values of a field, in their order.
func (h *head) values(name string) (values []string) {
	for _, f := range h.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

// field returns the first value of a field, or "".
func (h *head) field(name string) string {
	if values := h.values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// readHead reads a head. With errHead, h.raw holds what was read. io.EOF means that nothing came.
func readHead(r *bufio.Reader) (h head, err error) {
	if _, err := r.Peek(1); err != nil {
		return h, err
	}
	h.raw = room(r.Buffered()) // most come at once
	for {
		line, err := r.ReadSlice('\n')
		h.raw = append(h.raw, line...)
		switch {
		case err == bufio.ErrBufferFull && len(h.raw) < maxHead:
			continue
		case err == bufio.ErrBufferFull, len(h.raw) > maxHead:
			return h, errHead
		case err == io.EOF && len(h.raw) > 0:
			return h, errHead
		case err != nil:
			return h, err
		}
		if n := len(h.raw); n < 2 || !bytes.HasSuffix(h.raw, []byte("\n\r\n")) && !bytes.HasSuffix(h.raw, []byte("\n\n")) {
			if len(h.raw) > 2 || !isBlank(h.raw) {
				continue
			}
			return h, errHead // an empty line where a head should start
		}
		break
	}
	return h, h.parse()
}

// parse takes the lines apart. It leaves to the server continued lines (obs-fold in RFC 9112, section 5.2) and all that
// net/textproto would refuse or change.
func (h *head) parse() error {
	text := strings.TrimSuffix(strings.TrimSuffix(string(h.raw), "\n"), "\r") // without the empty line
	first, rest, _ := strings.Cut(strings.TrimSuffix(text, "\n"), "\n")
	h.first = strings.TrimSuffix(first, "\r")
	h.fields = make([]field, 0, 16)
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		name, value, ok := strings.Cut(strings.TrimSuffix(line, "\r"), ":")
		if !ok || name == "" || strings.IndexFunc(name, noToken) >= 0 || strings.IndexFunc(value, noValue) >= 0 {
			return errHead
		}
		h.fields = append(h.fields, field{name, strings.Trim(value, " \t")})
	}
	return nil
}

// noToken reports whether a field's name cannot contain a character (RFC 9110, section 5.6.2).
func noToken(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// noValue reports whether a field's value cannot contain a character (RFC 9110, section 5.5).
func noValue(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// room returns an empty slice for about so many bytes. The sizes are few: each size that was ever in use leaves pages
// that the runtime keeps.
func room(n int) []byte {
	size := 1 << 10
	for size < min(n, bufferSize) {
		size *= 2
	}
	return make([]byte, 0, size)
}

func isBlank(line []byte) bool { return string(line) == "\n" || string(line) == "\r\n" }

// request takes the first line of a request apart.
func (h *head) request() (method, target string, ok bool) {
	method, rest, ok := strings.Cut(h.first, " ")
	target, version, ok2 := strings.Cut(rest, " ")
	return method, target, ok && ok2 && strings.HasPrefix(version, "HTTP/1.")
}

// status returns the status code of an answer.
func (h *head) status() (int, bool) {
	version, rest, _ := strings.Cut(h.first, " ")
	code, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(code, 10, 16) // no sign
	return int(n), err == nil && len(code) == 3 && (version == "HTTP/1.1" || version == "HTTP/1.0")
}

// framing says where a body ends.
type framing struct {
	chunked bool
	length  int64 // -1: not given
}

// framing reads Transfer-Encoding and Content-Length as RFC 9112, section 6.3, has them; ok is false
// where they make no sense, or no sense here.
func (h *head) framing() (f framing, ok bool) {
	f.length = -1
	if te := h.values("Transfer-Encoding"); len(te) > 0 {
		f.chunked = true
		// HTTP/1.0 does not know it, and Go's server takes no notice of it there.
		old := strings.HasPrefix(h.first, "HTTP/1.0 ") || strings.HasSuffix(h.first, " HTTP/1.0")
		return f, !old && len(te) == 1 && strings.EqualFold(te[0], "chunked")
	}
	for _, value := range h.values("Content-Length") {
		n, err := strconv.ParseUint(value, 10, 63)
		if err != nil || f.length >= 0 && f.length != int64(n) {
			return f, false
		}
		f.length = int64(n)
	}
	return f, true
}

// replace returns the head's bytes with the value of a field, or with name "" the target of a request,
// replaced. Nothing else changes: the field's name keeps its case and place. There is room for so many more bytes.
func (h *head) replace(name, value string, more int) []byte {
	out := room(len(h.raw) + len(value) + more)
	for line := range bytes.Lines(h.raw) {
		switch {
		case len(out) == 0 && name == "":
			method, rest, _ := bytes.Cut(line, []byte(" "))
			_, version, _ := bytes.Cut(rest, []byte(" "))
			line = bytes.Join([][]byte{method, []byte(value), version}, []byte(" "))
		case len(out) > 0 && name != "":
			key, old, _ := bytes.Cut(line, []byte(":"))
			if strings.EqualFold(string(key), name) {
				end := old[len(bytes.TrimRight(old, "\r\n")):]
				out = append(append(out, key...), ": "+value...)
				line = end
			}
		}
		out = append(out, line...)
	}
	return out
}

// without returns the head's bytes without the field.
func (h *head) without(name string) []byte {
	var out []byte
	for line := range bytes.Lines(h.raw) {
		key, _, _ := bytes.Cut(line, []byte(":"))
		if len(out) == 0 || !strings.EqualFold(string(key), name) {
			out = append(out, line...)
		}
	}
	return out
}
