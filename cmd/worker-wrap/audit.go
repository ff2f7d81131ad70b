package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/show"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// The exit codes of audit, apart from 0: like grep's and diff's.
const (
	auditFound  = 1 // Workers overlapped on a shared _temp
	auditFailed = 2 // the logs cannot tell, nothing was audited, or a report could not be written
)

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Usage:     "say from a runner's own logs whether its Workers ever overlapped, and what that broke",
		ArgsUsage: "[DIR|FILE|-…]",
		Description: "Reads Runner_*.log and Worker_*.log and worker-wrap.jsonl in each DIR, a runner's _diag or its root, each " +
			"FILE, and standard input for -; plain, gzip, or zstd if there is a zstd command. A FILE with another name, or " +
			"standard input, may hold several whole logs, as cat and tail -v join them, or what containers and services " +
			"printed with ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=1, with what docker, kubectl, containerd or journalctl put " +
			"before each line:\n\n" +
			"    journalctl -u 'actions.runner.*' | worker-wrap audit -\n\n" +
			"Default: the _diag of the runner found from here upwards, elsewhere those of all runners of this machine. " +
			"Needs no worker-wrap in use and changes nothing.\n\n" +
			"Exit code: 0 the logs show whole lives of Workers, and no two shared a _temp, 1 some did, 2 the logs cannot " +
			"tell, and the report says what is missing (a Worker's end, the Listener's log that shows all Workers, …), or " +
			"nothing could be audited.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
			&cli.StringFlag{Name: "html", Usage: "also write the report to `FILE`, one self-contained page; FILE must not be there yet"},
		},
		OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			paths, err := auditPaths(c, append(c.Args().Slice(), commandAfter(c)...))
			if err != nil {
				return cli.Exit(err, auditFailed)
			}
			page := c.String("html")
			report, err := audit.Run(paths)
			if err != nil {
				return cli.Exit(err, auditFailed)
			}
			if page != "" {
				if err := show.SaveHTML(report, page); err != nil {
					return cli.Exit(err, auditFailed)
				}
			}
			write := show.Text
			if c.Bool("json") {
				write = show.JSON
			}
			if err := write(report, c.App.Writer); err != nil {
				return cli.Exit(err, auditFailed)
			}
			switch {
			case report.Found():
				return cli.Exit("", auditFound)
			case len(report.Unsure) > 0:
				return cli.Exit("", auditFailed)
			}
			return nil
		},
	}
}

// auditPaths are the arguments, or the logs of the runner around the working directory, of that directory, or of every
// runner of the machine.
func auditPaths(c *cli.Context, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	layout, err := runner.FindUp(dir)
	if err == nil {
		return []string{layout.Diag()}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Logs are often looked at far from their runner.
	if logs, _ := filepath.Glob(filepath.Join(dir, "*_*-utc.log*")); len(logs) > 0 {
		return []string{dir}, nil
	}
	all := everyRunner(false)
	leftOut(c, all)
	var paths []string
	for _, l := range all.layouts {
		paths = append(paths, l.Diag())
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w, and no runner elsewhere on this machine; name a _diag folder or log files", err)
	}
	return paths, nil
}
