package cmdline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// exitUnread is 128+SIGPIPE, as a shell reports a program that wrote to a closed pipe: what a shell makes of that.
const exitUnread = 128 + int(unix.SIGPIPE)

// Output is where subcommands print to. It keeps the first error, which many of them, and the cli package, do not
// look at.
type Output struct {
	W   io.Writer
	err error
	of  *Output // which keeps the error too
}

func (o *Output) Write(p []byte) (int, error) {
	n, err := o.W.Write(p)
	if o.err == nil {
		o.err = err
	}
	if o.of != nil && o.of.err == nil {
		o.of.err = err
	}
	return n, err
}

// Result is what becomes of err, which a subcommand has returned, if its output could not be written.
func (o *Output) Result(err error) error {
	said := err == nil || err.Error() == ""
	switch {
	case o.err == nil, !said && !errors.Is(err, o.err):
		return err
	case errors.Is(o.err, unix.EPIPE):
		return cli.Exit("", exitUnread)
	case said:
		return cli.Exit(fmt.Sprintf("cannot print: %v", o.err), ExitUsage)
	}
	return err
}

// SayStderr writes a line to stderr, with what the journal wants before it if that is what stderr is.
func SayStderr(w io.Writer, p journald.Priority, line string) {
	before := "worker-wrap: "
	if journald.Connected(os.Stderr) {
		before = journald.Prefix(p)
	}
	fmt.Fprintln(w, before+visible.Line(line))
}

// Screen is what a table is printed on. It shows control characters itself, and has colours, which the app's writer
// would show.
func Screen(c *cli.Context) screen.Screen {
	out, ok := c.App.Writer.(*Output)
	if !ok { // a test's
		return screen.Of(os.Stdout, c.App.Writer)
	}
	s := screen.Of(os.Stdout, &Output{W: os.Stdout, of: out})
	s.Wide = c.Bool("wide")
	return s
}

func JSONFlag(what string) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print " + what, DisableDefaultText: true}
}

func WideFlag() cli.Flag {
	return &cli.BoolFlag{Name: "wide", Usage: "show everything, in lines longer than the terminal too", DisableDefaultText: true}
}

// UTCFlag has all that is printed in UTC.
func UTCFlag() cli.Flag {
	return &cli.BoolFlag{Name: "utc", Usage: "print times in UTC (default: in the local zone)", DisableDefaultText: true, Action: func(*cli.Context, bool) error {
		time.Local = time.UTC
		return nil
	}}
}

// Encode prints JSON.
func Encode(c *cli.Context, v any) error {
	e := json.NewEncoder(c.App.Writer)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
