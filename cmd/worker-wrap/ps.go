package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/doctor"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:  "ps",
		Usage: "list the Workers that worker-wrap has started and that are alive, and how each was started",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "print a JSON array", DisableDefaultText: true},
		},
		Action:       psAction,
		OnUsageError: usageError,
	}
}

func psAction(c *cli.Context) error {
	list, hidden, err := workers.List()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if list == nil {
			list = []workers.Worker{}
		}
		e := json.NewEncoder(c.App.Writer)
		e.SetIndent("", "  ")
		return e.Encode(list)
	}
	if len(list) == 0 {
		fmt.Fprintln(c.App.ErrWriter, "no wrapped Worker is alive")
	} else if err := printWorkers(c.App.Writer, list); err != nil {
		return err
	}
	sayHidden(c.App.ErrWriter, hidden)
	return nil
}

// sayHidden says that processes could not be looked into, and who can.
func sayHidden(out io.Writer, hidden int) {
	switch {
	case hidden == 0:
	case os.Geteuid() == 0:
		fmt.Fprintf(out, "%d processes could not be looked into; that takes CAP_SYS_PTRACE, which this container may lack: run it with --cap-add SYS_PTRACE, or look from the host\n", hidden)
	default:
		fmt.Fprintf(out, "%d processes of other users could not be looked into; sudo shows theirs too\n", hidden)
	}
}

func printWorkers(out io.Writer, list []workers.Worker) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PID\tRUNNER\tMODE\tSINCE\tNAMESPACE\tSIZE\tPROXY\tSTEP\tPER-PID FOLDER")
	for _, r := range list {
		from, proxy, step, size, folder, namespace := r.Runner, "-", r.Step, "-", "-", "?"
		if from == "" {
			from = r.Command
		}
		if r.Proxy {
			proxy = "yes"
		}
		if step == "" {
			step = "-"
		}
		if r.Temp != "" {
			size, folder = doctor.Size(r.Bytes), r.Temp
		}
		if r.Partial {
			size = ">" + size
		}
		if r.Namespace != 0 {
			namespace = fmt.Sprintf("mnt:[%d]", r.Namespace)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.PID, visible.Line(from), r.Mode, r.Since.Format(time.DateTime), namespace,
			size, proxy, doctor.Printable(step), visible.Line(folder))
	}
	return w.Flush()
}
