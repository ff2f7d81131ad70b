package shim

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/start/exits"
)

// TestPanicTakesTheMessage: a mistake in the program ends a start as any other fault does, once the Listener has got rid
// of the job's message.
func TestPanicTakesTheMessage(t *testing.T) {
	in, listener, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	_, err = listener.Write(append(binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 0}, 4), "body"...))
	if err = errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	argv := []string{"Runner.Worker", "spawnclient", strconv.Itoa(int(in.Fd())), "1"}
	f := taking(argv, nil, func() *exits.Failure { panic("a mistake") })
	if f.Code != exits.Failed || !strings.HasPrefix(f.Error(), "panic: a mistake; this is a mistake in worker-wrap") {
		t.Errorf("exit code %d: %v", f.Code, f)
	}
	if n, err := in.Read(make([]byte, 8)); err != io.EOF {
		t.Errorf("%d bytes of the message are left (%v)", n, err)
	}
}
