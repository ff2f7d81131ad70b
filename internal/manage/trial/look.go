package trial

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// longest bounds what is read of one word.
const longest = 8192

// word reads what a start says, up to a zero byte: a path may have a line feed.
func word(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for b.Len() < longest {
		switch c, err := r.ReadByte(); {
		case err != nil:
			return "", err
		case c == 0:
			return b.String(), nil
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("a start has said more than %d bytes", longest)
}

// marks looks at each of the others, at its private folder in the host's view, and lets the start go on.
func marks(said *bufio.Reader, next io.Writer, others []string, look func(other, host string)) error {
	if len(others) == 0 {
		return nil
	}
	for _, other := range others {
		host, err := word(said)
		if err != nil {
			return err
		}
		look(other, host)
	}
	_, err := next.Write([]byte("\n"))
	return err
}

// look compares what the probe says it sees with what is there.
func (p Places) look(pid int, said, temp, mark string, chosen policy.Settings) error {
	words := strings.SplitN(said, " ", 3)
	if len(words) != 3 || words[2] == "" {
		return errors.New("the program does not know its private folder (WORKER_WRAP_HOST_TEMP is not set)")
	}
	self, above, host := words[0], words[1], words[2]
	if started := strconv.Itoa(pid); self != started && !(chosen.Userns && above == started) {
		return fmt.Errorf("the program has PID %s and not %d, the one that was started", self, pid)
	}
	if err := apart(host, temp, mark, chosen); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(host, mark))
	is, err := survey.System{}.Process(inner(said))
	switch {
	case err != nil:
		return err
	case is.UID != p.UID:
		return fmt.Errorf("the program runs as uid %d and not as %d", is.UID, p.UID)
	case p.UID != 0 && is.CapPrm != 0:
		return fmt.Errorf("the program has capabilities (%#x), which it must not", is.CapPrm)
	}
	return nil
}

// apart reports whether the file named mark is in the private folder that the host sees at a path, and not in its _temp.
func apart(host, temp, mark string, chosen policy.Settings) error {
	if _, err := os.Lstat(filepath.Join(temp, mark)); !errors.Is(err, os.ErrNotExist) {
		return errors.New("the host's _temp shows the program's file, so it is not isolated")
	}
	if chosen.Backing != policy.Tmpfs { // the host sees nothing of that
		if data, err := untrusted.Head(filepath.Join(host, mark), 16); err != nil || string(data) != "inside" {
			return fmt.Errorf("the program's file is not in its private folder %s (%v)", host, err)
		}
	}
	return nil
}

// inner is the PID that the probe says it has.
func inner(said string) int {
	word, _, _ := strings.Cut(said, " ")
	pid, _ := strconv.Atoi(word)
	return pid
}
