package shim

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
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

// TestTimeIsUp: a start that has waited looks for what has vanished only as long as it may take in all, and once in any
// case.
func TestTimeIsUp(t *testing.T) {
	s := newStart(plan.Plan{Env: []string{policy.ChannelTimeoutVar + "=60"}})
	if got := s.Until.Sub(s.Begun); got != 53500*time.Millisecond {
		t.Errorf("it may look for %v", got)
	}
	tries := 0
	look := func() error { tries++; return fs.ErrNotExist }
	s.Until = time.Now()
	if err := s.patiently(look); err != fs.ErrNotExist || tries != 1 {
		t.Errorf("%d tries: %v", tries, err)
	}
	if got := s.AtMost(time.Hour); got != 0 {
		t.Errorf("it has %v left", got)
	}
	s.Until = time.Now().Add(time.Hour)
	if got := s.AtMost(time.Minute); got != time.Minute {
		t.Errorf("it has %v, as if its time were up", got)
	}
}
