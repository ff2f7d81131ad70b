package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// worker is a living Worker: a shell, which is talked to.
type worker struct {
	kind *kind
	at   *host
	id   string // what its file in _temp is called
	temp string
	pid  int     // in its own PID namespace
	bare bool    // its keeper was killed
	job  *worker // that has started it, if one has

	in    io.WriteCloser
	out   *bufio.Reader
	close func() error // waits for its process, once nothing more comes from out
}

// begin starts a Worker by its command line, as a child that is talked to by pipes.
func (w *worker) begin(argv []string, argv0 string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	if argv0 != "" {
		cmd.Args[0] = argv0
	}
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	w.in, w.out = in, bufio.NewReader(out)
	w.close = func() error {
		_ = cmd.Wait()
		return nil
	}
	if err := w.settle(); err != nil {
		in.Close()
		_ = cmd.Wait()
		return fmt.Errorf("%w; stderr: %s", err, &said)
	}
	return nil
}

// beginIn starts it from another Worker's shell, as a job may start a runner.
func (w *worker) beginIn(job *worker, argv []string, dir string) error {
	in, out := dir+"/"+w.id+".in", dir+"/"+w.id+".out"
	for _, path := range []string{in, out} {
		if err := errors.Join(unix.Mkfifo(path, 0o666), os.Chmod(path, 0o666)); err != nil {
			return err
		}
		defer os.Remove(path)
	}
	w.job = job
	// Open for both, so that nobody waits for the other side.
	input, err := os.OpenFile(in, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	both, err := os.OpenFile(out, os.O_RDWR, 0)
	if err != nil {
		input.Close()
		return err
	}
	defer both.Close() // the Worker has it by then, whose end ends what comes
	output, err := os.Open(out)
	if err != nil {
		input.Close()
		return err
	}
	w.in, w.out, w.close = input, bufio.NewReader(output), output.Close
	if _, err = job.do(quote(argv) + " <" + in + " >" + out + " 2>/dev/null &"); err == nil {
		err = w.settle()
	}
	if err != nil {
		input.Close()
		output.Close()
	}
	return err
}

func quote(words []string) string {
	var all []string
	for _, word := range words {
		all = append(all, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return strings.Join(all, " ")
}

// settle has it do what a Worker does first: it empties its _temp, and writes into it.
func (w *worker) settle() error {
	said, err := w.do(`echo "$$"; cd "` + w.temp + `" && rm -rf ./* && : >` + w.id + "; cd /")
	if err != nil {
		return err
	}
	w.pid, err = strconv.Atoi(said)
	return err
}

// look says what is wrong with what it has in its _temp.
func (w *worker) look() error {
	said, err := w.do(`for f in "` + w.temp + `"/*; do echo "${f##*/}"; done`)
	if err != nil {
		return err
	}
	if said != w.id {
		return fmt.Errorf("it has %q in its _temp, and wrote %q", said, w.id)
	}
	return nil
}

// do has the shell run a line, and returns what that printed, less the last newline.
func (w *worker) do(line string) (string, error) {
	const end = "--end--\n"
	if _, err := io.WriteString(w.in, line+"\necho "+end); err != nil {
		return "", err
	}
	var said strings.Builder
	for {
		line, err := w.out.ReadString('\n')
		if err != nil {
			return "", fmt.Errorf("the Worker has ended: %w", err)
		}
		if line == end {
			return strings.TrimSuffix(said.String(), "\n"), nil
		}
		said.WriteString(line)
	}
}

// end lets the Worker empty its _temp and end, or kills it, and returns when it has ended.
func (w *worker) end(kill bool) error {
	if kill {
		_, _ = io.WriteString(w.in, "kill -9 $$\n")
	} else if _, err := w.do(`rm -rf "` + w.temp + `"/*`); err != nil {
		return err
	}
	w.in.Close()
	_, err := io.Copy(io.Discard, w.out)
	return errors.Join(err, w.close())
}
