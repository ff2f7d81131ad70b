package byhand

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/flock"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// home gives this test a state folder of its own, and returns a folder to cover beside which something lies.
func home(t *testing.T) (state, temp string) {
	t.Helper()
	state = t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	temp = filepath.Join(t.TempDir(), "temp")
	if err := os.MkdirAll(filepath.Join(perpid.Path(temp), "entry"), 0o700); err != nil {
		t.Fatal(err)
	}
	return state, temp
}

func noted(t *testing.T, want ...string) {
	t.Helper()
	if got, err := Noted(); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// TestNoted: a folder is noted once, and stands in the list for as long as something lies beside it.
func TestNoted(t *testing.T) {
	state, temp := home(t)
	noted(t)
	for range 2 {
		if err := Note(temp); err != nil {
			t.Fatal(err)
		}
	}
	if err := Note("/nonexistent/temp"); err != nil {
		t.Fatal(err)
	}
	noted(t, temp)
	if text, err := os.ReadFile(filepath.Join(state, folder, name)); err != nil || string(text) != temp+"\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Remove(filepath.Join(perpid.Path(temp), "entry")); err != nil {
		t.Fatal(err)
	}
	noted(t)
	for _, bad := range []string{"relative", "/two\nlines"} {
		if err := Note(bad); err == nil {
			t.Errorf("%q was noted", bad)
		}
	}
}

// TestHeldLock: whoever keeps the list locked holds up no start.
func TestHeldLock(t *testing.T) {
	state, temp := home(t)
	if err := Note(temp); err != nil {
		t.Fatal(err)
	}
	list, err := os.Open(filepath.Join(state, folder, name))
	if err != nil {
		t.Fatal(err)
	}
	defer list.Close()
	if err := unix.Flock(int(list.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := Note("/another/temp"); !errors.Is(err, flock.ErrTaken) {
		t.Errorf("a start is told %v", err)
	}
	if _, err := Noted(); !errors.Is(err, flock.ErrTaken) {
		t.Errorf("gc is told %v", err)
	}
}

// TestOthersWriteNothing: what somebody else could have written is not read, and no link is followed.
func TestOthersWriteNothing(t *testing.T) {
	for what, change := range map[string]func(list string) error{
		"a file that all may write":   func(list string) error { return os.Chmod(list, 0o666) },
		"a folder that all may write": func(list string) error { return os.Chmod(filepath.Dir(list), 0o777) },
		"a link": func(list string) error {
			if err := os.Rename(list, list+".real"); err != nil {
				return err
			}
			return os.Symlink(list+".real", list)
		},
	} {
		state, temp := home(t)
		if err := Note(temp); err != nil {
			t.Fatal(err)
		}
		list := filepath.Join(state, folder, name)
		if err := change(list); err != nil {
			t.Fatal(err)
		}
		if got, err := Noted(); len(got) > 0 {
			t.Errorf("%s: %q, %v", what, got, err)
		}
		if err := Note("/elsewhere"); err == nil {
			t.Errorf("%s: it was written to", what)
		}
	}
}

// TestListStaysShort: the oldest lines of a long list go.
func TestListStaysShort(t *testing.T) {
	state, _ := home(t)
	var last string
	for i := range 40 {
		last = fmt.Sprintf("/%d/%02000d", i, i)
		if err := Note(last); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(state, folder, name))
	if err != nil || len(text) > most || string(text[len(text)-1-len(last):]) != last+"\n" {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
