package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

const (
	// startLimit is how long a Worker waits for its job (src/Runner.Worker/Worker.cs).
	startLimit = 30 * time.Second
)

// worker is one Worker at work.
type worker struct {
	root  standin.Root
	log   *common.Log
	echo  bool
	scale float64

	job      standin.Message
	tracking string      // RUNNER_TRACKING_ID
	invoked  atomic.Bool // a process was given it
	minor    int         // of the runner's version, 2.minor

	mu   sync.Mutex        // of what background steps share
	env  map[string]string // what steps have set for those after them
	path []string
}

// since reports whether the runner is of version 2.minor or newer.
func (w *worker) since(minor int) bool { return w.minor >= minor }

var (
	errCancelled = errors.New("the job was cancelled")
	errShutdown  = errors.New("the runner is shutting down")
)

// Main is the Worker: args are its path, "spawnclient", and the numbers of the inherited pipe ends it reads and writes
// (src/Runner.Worker/Program.cs). It returns the exit code, which is 1 for a crash; the reason then is on stdout.
func Main(args []string) int {
	runtime.GOMAXPROCS(1) // it mostly waits, and a hundred may run at once
	args = takeName(args)
	w := &worker{scale: 1, env: map[string]string{}, echo: os.Getenv(common.EchoVar) == "1"}
	if scale, err := strconv.ParseFloat(os.Getenv(common.ScaleVar), 64); err == nil && scale > 0 {
		w.scale = scale
	}
	code, err := w.main(args)
	if w.log != nil {
		defer w.log.Close()
	}
	if err != nil {
		text := exception(err)
		fmt.Println(text)
		if w.log != nil {
			w.error("Worker", text)
		}
		return 1
	}
	return code
}

func (w *worker) main(args []string) (int, error) {
	if len(args) == 0 {
		return 0, errors.New("not even argv[0] was given")
	}
	bin, err := filepath.Abs(filepath.Dir(args[0]))
	if err != nil {
		return 0, err
	}
	if w.root, err = standin.ReadRoot(bin); err != nil {
		return 0, err
	}
	if w.log, err = common.OpenLog(w.root.Diag, "Worker"); err != nil {
		return 0, err
	}
	w.info("HostContext", "Well known directory 'Bin': '%s'", w.root.Bin)
	w.info("HostContext", "Well known directory 'Root': '%s'", w.root.Dir)
	version := standin.Version
	if v, ok := strings.CutPrefix(filepath.Base(bin), "bin."); ok {
		version = v
	}
	w.info("Worker", "Version: %s", version)
	_, _ = fmt.Sscanf(version, "2.%d", &w.minor)
	if len(args) != 4 || !strings.EqualFold(args[1], "spawnclient") {
		return 0, fmt.Errorf("the arguments are %q and not 'spawnclient <pipe in> <pipe out>'", args[1:])
	}
	in, err := inherited(args[2], unix.O_RDONLY)
	if err != nil {
		return 0, err
	}
	out, err := inherited(args[3], unix.O_WRONLY)
	if err != nil {
		return 0, err
	}
	defer out.Close() // the Listener sees its end; in is being read from until this process ends

	type received struct {
		kind common.MessageType
		body string
		err  error
	}
	messages := make(chan received)
	next := func() {
		var r received
		r.kind, r.body, r.err = common.Receive(in)
		if errors.Is(r.err, io.EOF) {
			return // upstream goes on reading: a Worker outlives its Listener
		}
		messages <- r
	}

	w.info("Worker", "Waiting to receive the job message from the channel.")
	go next()
	var first received
	select {
	case first = <-messages:
	case <-time.After(startLimit):
		return 0, errors.New("System.OperationCanceledException: no job message came in time")
	}
	if first.err != nil {
		return 0, first.err
	}
	w.info("Worker", "Message received.")
	if first.kind != common.NewJob {
		return 0, fmt.Errorf("the first message is of type %d and not a new job", first.kind)
	}
	if err := json.Unmarshal([]byte(first.body), &w.job); err != nil {
		return 0, err
	}
	w.info("Worker", "Job message:\n %s", first.body)

	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	// SIGINT and SIGPIPE do nothing (src/Runner.Common/Terminal.cs, .NET), and as they are caught and not
	// ignored, steps do not inherit that.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGPIPE)
	defer signal.Stop(signals)

	type completed struct {
		result standin.TaskResult
		err    error
	}
	result := make(chan completed, 1)
	go func() {
		r, err := w.run(ctx)
		result <- completed{r, err}
	}()
	w.info("Worker", "Listening for cancel message from the channel.")
	go next()
	w.info("Worker", "Waiting for the job to complete or for a cancel message from the channel.")
	for {
		select {
		case r := <-result:
			if r.err != nil {
				return 0, r.err
			}
			if ctx.Err() == nil {
				w.info("Worker", "Job completed.")
			}
			return r.result.ExitCode(), nil
		case m := <-messages:
			w.info("Worker", "Cancellation/Shutdown message received.")
			switch {
			case m.err != nil:
				return 0, m.err
			case m.kind == common.CancelJob:
				cancel(errCancelled)
			case m.kind == common.RunnerShutdown, m.kind == common.MachineShutdown:
				cancel(errShutdown)
			default:
				return 0, fmt.Errorf("a message of unknown type %d", m.kind)
			}
		case s := <-signals:
			if s == unix.SIGTERM {
				cancel(errShutdown)
			}
		}
	}
}

// inherited opens one of the Listener's pipe ends, and keeps it from the Worker's own children: the
// Listener sees a Worker's end by end-of-file.
func inherited(handle string, mode int) (*os.File, error) {
	fd, err := strconv.Atoi(handle)
	if err != nil {
		return nil, fmt.Errorf("the pipe handle %q is not a number", handle)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return nil, fmt.Errorf("System.IO.IOException: the pipe handle %d: %w", fd, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO || flags&unix.O_ACCMODE != mode {
		return nil, fmt.Errorf("System.IO.IOException: the handle %d is not the pipe end it should be", fd)
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "pipe "+handle), nil
}

// scaled is how long a time of the runner lasts here.
func (w *worker) scaled(d time.Duration) time.Duration { return common.Scaled(d, w.scale) }

func (w *worker) info(source, format string, args ...any) {
	w.trace(common.Info, source, fmt.Sprintf(format, args...))
}

func (w *worker) error(source, text string) { w.trace(common.Error, source, text) }

func (w *worker) trace(level, source, text string) {
	now := time.Now()
	w.log.Write(now, level, source, text)
	if w.echo {
		fmt.Print(common.Echo(now, level, source, text))
	}
}
