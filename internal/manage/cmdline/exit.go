package cmdline

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/start/exits"
)

// The exit codes of subcommands. Audit has its own, and demo.
const (
	ExitDoubtful    = 1 // something could not be done, or is not as it should be; what, is said above
	ExitUnprotected = 2 // a runner's jobs are not protected
	// ExitUsage is the code for a command line that makes no sense, and for a subcommand that could not do its work.
	ExitUsage = exits.Failed
)

// The exit codes of audit, apart from 0: like grep's and diff's.
const (
	AuditFound  = 1 // Workers overlapped on a shared _temp
	AuditFailed = 2 // the logs cannot tell, nothing was audited, or a report could not be written
)

// After is the metadata key of what stood after "--" on the command line.
const After = "command"

// CommandAfter returns what stood after "--", nil if there was none.
func CommandAfter(c *cli.Context) []string {
	command, _ := c.App.Metadata[After].([]string)
	return command
}

// Undone is the error of a subcommand that changes runners, and starts none: its exit status is 1, but for a command
// line that makes no sense.
func Undone(err error) error {
	if err == nil || errors.As(err, new(cli.ExitCoder)) {
		return err
	}
	return cli.Exit(err.Error(), 1)
}
