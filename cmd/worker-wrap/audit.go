package main

import (
	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/show"
	"github.com/worker-wrap/worker-wrap/internal/manage/choose"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
)

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:      "audit",
		Usage:     "say from a runner's own logs whether its Workers ever overlapped, and what that broke",
		ArgsUsage: "[DIR|FILE|-…]",
		Description: "Reads Runner_*.log and Worker_*.log and worker-wrap.jsonl in each DIR, a runner's _diag or its root, each " +
			"FILE, and standard input for -; plain, gzip, or zstd if there is a zstd command. A FILE with another name, or " +
			"standard input, may hold several whole logs, as cat and tail -v join them. It may also hold what containers and " +
			"services printed with ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=1, and what docker, kubectl, containerd or journalctl " +
			"put before each line:\n\n" +
			"    journalctl -u 'actions.runner.*' | worker-wrap audit -\n\n" +
			"Default: the _diag of the runner found from here upwards; if there is none, the _diag of each runner of this machine. " +
			"audit changes nothing, and works without worker-wrap in use.\n\n" +
			"The exit status is 0 if the logs show whole lives of Workers, and no two shared a _temp. It is 1 if some did. It is 2 " +
			"if the logs cannot tell, or nothing could be audited: the report lists what they lack (a Worker's end, the " +
			"Listener's log that shows all Workers, …).",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
			&cli.StringFlag{Name: "html", Usage: "also write the report to `FILE`, one self-contained page; FILE must not be there yet"},
		},
		OnUsageError: cmdline.UsageError,
		Action: func(c *cli.Context) error {
			paths, err := auditPaths(c, append(c.Args().Slice(), cmdline.CommandAfter(c)...))
			if err != nil {
				return cli.Exit(err, cmdline.AuditFailed)
			}
			page := c.String("html")
			report, err := audit.Run(paths)
			if err != nil {
				return cli.Exit(err, cmdline.AuditFailed)
			}
			if page != "" {
				if err := show.SaveHTML(report, page); err != nil {
					return cli.Exit(err, cmdline.AuditFailed)
				}
			}
			write := show.Text
			if c.Bool("json") {
				write = show.JSON
			}
			if err := write(report, c.App.Writer); err != nil {
				return cli.Exit(err, cmdline.AuditFailed)
			}
			switch {
			case report.Found():
				return cli.Exit("", cmdline.AuditFound)
			case len(report.Unsure) > 0:
				return cli.Exit("", cmdline.AuditFailed)
			}
			return nil
		},
	}
}

// auditPaths are the arguments, or else the logs that are nearest.
func auditPaths(c *cli.Context, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	paths, all, err := choose.Logs()
	leftOut(c, all)
	return paths, err
}
