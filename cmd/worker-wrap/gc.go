package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/gc"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func gcCommand() *cli.Command {
	return &cli.Command{
		Name:  "gc",
		Usage: "remove what dead Workers left, also what only root can delete",
		Description: "Each start sweeps what dead Workers left, but not what the runner's user could not delete: " +
			"files that a container made as root, for instance. Run as root, gc removes that too.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "collect in the runner in `DIR` (default: every runner of this machine, and the one found from the current folder upwards)"},
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
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		if jerr := e.Encode(reports); jerr != nil {
			return jerr
		}
	} else {
		printReports(c.App.Writer, reports, o.DryRun)
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

func printReports(w io.Writer, reports []gc.Report, dry bool) {
	verb := "removed"
	if dry {
		verb = "would remove"
	}
	for _, r := range reports {
		fmt.Fprintf(w, "%s: %s %d, in use %d", visible.Line(r.Store), verb, len(r.Deleted), r.Living)
		if r.Unknown > 0 {
			fmt.Fprintf(w, ", %d of other PID namespaces or machines left alone", r.Unknown)
		}
		fmt.Fprintln(w)
		if dry {
			for _, name := range r.Deleted {
				fmt.Fprintf(w, "  %s\n", visible.Line(name))
			}
		}
		for _, path := range r.Kept {
			fmt.Fprintf(w, "  could not remove %s: %s\n", visible.Line(path), visible.Line(r.Why))
		}
		if len(r.Kept) > 0 && os.Geteuid() != 0 {
			fmt.Fprintln(w, "  as root it can: sudo worker-wrap gc")
		}
		printEnded(w, r.Ended, r.NotEnded, dry)
		sayHidden(w, r.Hidden)
	}
	if len(reports) == 0 {
		fmt.Fprintln(w, "nothing to collect: no Worker has left a per-PID folder here")
	}
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
