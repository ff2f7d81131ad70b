package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/watch"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func watchCommand() *cli.Command {
	return &cli.Command{
		Name:  "watch",
		Usage: "keep worker-wrap in runners while they update themselves",
		Description: "Under systemd the units that install makes start this when it is needed. Where there is no systemd, " +
			"keep it running beside the runner, as its user; scripts/runsvc-worker-wrap.sh does.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "watch the runner in `DIR` (default: the runner found from the current folder upwards)"},
			&cli.BoolFlag{Name: "all", Usage: "watch every runner of this machine", DisableDefaultText: true},
			&cli.DurationFlag{Name: "until-quiet", Usage: "end when nothing has changed for `DURATION`"},
			&cli.IntFlag{Name: "while-pid", Usage: "end when the process `PID` does"},
			&cli.StringFlag{Name: "prefix", Usage: "the binary was put into `DIR`/lib/worker-wrap (default: /usr/local)"},
		},
		Action:       watchAction,
		OnUsageError: usageError,
	}
}

// teller says what a watch does. In the journal that is a line for each run that ends by itself, as under systemd.
type teller struct {
	out   io.Writer
	begun time.Time
	once  bool
	done  []string
}

func (t *teller) say(line string) {
	if journald.Connected(os.Stderr) && t.once {
		t.done = append(t.done, line)
		return
	}
	sayStderr(t.out, journald.Info, line)
}

func (t *teller) warn(line string) { sayStderr(t.out, journald.Warning, line) }

// sum tells of the whole run.
func (t *teller) sum(layouts []runner.Layout) {
	if !journald.Connected(os.Stderr) || !t.once {
		return
	}
	var roots, done []string
	for _, l := range layouts {
		roots = append(roots, l.Root)
	}
	for _, line := range t.done {
		if !strings.HasPrefix(line, "watching ") {
			done = append(done, line)
		}
	}
	if len(done) == 0 {
		done = []string{"nothing had to be done"}
	}
	sayStderr(t.out, journald.Info, fmt.Sprintf("watched %s for %s: %s", strings.Join(roots, ", "), time.Since(t.begun).Round(time.Second), strings.Join(done, "; ")))
}

func watchAction(c *cli.Context) error {
	if c.Duration("until-quiet") < 0 || c.Int("while-pid") < 0 {
		return cli.Exit("--until-quiet and --while-pid take no negative numbers", exitUsage)
	}
	o := watch.Options{UntilQuiet: c.Duration("until-quiet").Round(time.Millisecond)}
	chosen, err := chosenRunners(c, false)
	if err != nil {
		return undone(err)
	}
	leftOut(c, chosen)
	o.Layouts = chosen.layouts
	if len(o.Layouts) == 0 {
		return cli.Exit("no runner found on this machine; name one with --runner-root DIR", 1)
	}
	machine, err := thisMachine(c)
	if err != nil {
		return undone(err)
	}
	if o.Place, err = machine.Usable(); err != nil {
		return cli.Exit(fmt.Sprintf("%v: sudo %s install", err, machine.Self), 1)
	}
	told := &teller{out: c.App.ErrWriter, begun: time.Now(), once: o.UntilQuiet > 0}
	o.Say, o.Warn = told.say, told.warn
	defer told.sum(o.Layouts)
	origin.AllCPUs()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	if pid := c.Int("while-pid"); pid > 0 {
		var cancel context.CancelFunc
		if ctx, cancel, err = watch.WhileAlive(ctx, pid); err != nil {
			return undone(err)
		}
		defer cancel()
	}
	return undone(watch.Run(ctx, o))
}
