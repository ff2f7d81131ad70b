package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/gc"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func gcCommand() *cli.Command {
	return &cli.Command{
		Name:  "gc",
		Usage: "remove what dead Workers left, also what only root can delete",
		Description: "Each start sweeps what dead Workers left, but not what the runner's user could not delete: " +
			"files that a container made as root, for instance. Run as root, gc removes that too. Of commands that were " +
			"started by hand with --temp DIR it finds what lies in the current folder or above it. " +
			"The exit status is 1 if something could not be removed.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "collect in the runner in `DIR` (default: every runner of this machine, and the one found from the current folder upwards)"},
			&cli.StringSliceFlag{Name: "temp", Usage: "collect what commands by hand have left that had a folder of their own over `DIR` (--temp DIR)"},
			&cli.StringFlag{Name: "older-than", Usage: "leave alone what changed within `DURATION`: 30m, 12h, 7d"},
			&cli.BoolFlag{Name: "kill", Usage: "also end what the jobs of dead Workers left running (worker-wrap ps --left lists it): SIGTERM, and SIGKILL after 10 seconds", DisableDefaultText: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "only list what would be removed or ended", DisableDefaultText: true},
			jsonFlag("a JSON array"),
		},
		Action:       gcAction,
		OnUsageError: usageError,
	}
}

func gcAction(c *cli.Context) error {
	o := gc.Options{DryRun: c.Bool("dry-run"), Kill: c.Bool("kill")}
	var err error
	if o.OlderThan, err = parseAge(c.String("older-than")); err != nil {
		return cli.Exit(err.Error(), exitUsage)
	}
	chosen, err := theseRunners(c.StringSlice("runner-root"))
	if err != nil {
		return cli.Exit(err.Error(), exitUsage)
	}
	leftOut(c, chosen)
	o.Runners = chosen.layouts
	switch dirs := c.StringSlice("temp"); {
	case len(dirs) > 0 && !c.IsSet("runner-root"):
		o.Runners = nil
		fallthrough
	case len(dirs) > 0:
		for _, dir := range dirs {
			if dir, err = filepath.Abs(dir); err != nil {
				return cli.Exit(fmt.Sprintf("--temp: cannot tell the current folder: %v; give the whole path", err), exitUsage)
			}
			o.Runners = append(o.Runners, beside(dir))
		}
	case !c.IsSet("runner-root"):
		o.Runners = append(o.Runners, above(o.Runners)...)
	}
	origin.AllCPUs()
	stop := func() {}
	if !o.DryRun && term.IsTerminal(int(os.Stderr.Fd())) {
		o.Deleted = &atomic.Int64{}
		stop = progress(o.Deleted)
	}
	reports, err := gc.Run(o)
	stop()
	if c.Bool("json") {
		if reports == nil {
			reports = []gc.Report{}
		}
		if err := encode(c, reports); err != nil {
			return err
		}
	} else if err := printReports(c, reports, o.DryRun); err != nil {
		return err
	}
	if err != nil {
		return cli.Exit(err.Error(), exitDoubtful) // the others are done
	}
	for _, r := range reports {
		if len(r.Kept) > 0 {
			return cli.Exit("", 1) // said above
		}
	}
	if len(chosen.broken) > 0 {
		return cli.Exit("", 1) // said above
	}
	return nil
}

func printReports(c *cli.Context, reports []gc.Report, dry bool) error {
	for i := range reports {
		r := &reports[i]
		if err := r.Print(theScreen(c), dry); err != nil {
			return err
		}
		printEnded(c.App.Writer, r.Ended, r.NotEnded, dry)
		sayHidden(c.App.Writer, r.Hidden)
	}
	if len(reports) == 0 {
		fmt.Fprintln(c.App.Writer, "nothing to collect: nobody has left a per-PID folder here")
	}
	return nil
}

// beside is the place of a store as that of a runner's is: beside the folder that is covered.
func beside(temp string) runner.Layout {
	return runner.Layout{Root: filepath.Dir(temp), Work: filepath.Dir(temp), Temp: temp}
}

// above returns the places of stores in the current folder and above it, apart from those of the given runners. An
// ordinary user has no business with what is somebody else's.
func above(known []runner.Layout) (out []runner.Layout) {
	dir, err := os.Getwd()
	if err != nil {
		return nil
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		l := beside(filepath.Join(dir, "_temp"))
		st, err := os.Lstat(perpid.Path(l.Temp))
		if err != nil || os.Geteuid() != 0 && int(st.Sys().(*syscall.Stat_t).Uid) != os.Geteuid() {
			continue
		}
		if !slices.ContainsFunc(known, func(k runner.Layout) bool { return perpid.Path(k.Temp) == perpid.Path(l.Temp) }) {
			out = append(out, l)
		}
	}
	return out
}

// parseAge reads a duration of time.ParseDuration, or a number of days.
func parseAge(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	if number, ok := strings.CutSuffix(s, "d"); ok && strings.Trim(number, "0123456789.") == "" {
		days, err := strconv.ParseFloat(number, 64)
		if long := days * float64(24*time.Hour); err == nil && long < math.MaxInt64 {
			return time.Duration(long), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("--older-than %q: not a duration of up to 292 years; write it like 30m, 12h or 7d", s)
	}
	return d, nil
}

// progress keeps a running count in the last line of the terminal, once it takes longer than a moment,
// until it is told to stop. There is no bar, as how much there is to delete is not known before it is
// deleted. Libraries for this make their tables when a program starts, for which each Worker's start would
// pay, and are larger than all of gc.
func progress(count *atomic.Int64) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		began := time.Now()
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-quit:
				if shown {
					fmt.Fprint(os.Stderr, "\r\033[K")
				}
				return
			case <-tick.C:
			}
			if took := time.Since(began); took > time.Second {
				fmt.Fprintf(os.Stderr, "\r\033[Kdeleted %d, %s", count.Load(), took.Round(time.Second))
				shown = true
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
