package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/choose"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// leftAction lists what the jobs of dead Workers have left running.
func leftAction(c *cli.Context) error {
	found, err := left.Of(choose.Every(false).Layouts...)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if found.Processes == nil {
			found.Processes = []left.Process{}
		}
		return cmdline.Encode(c, found.Processes)
	}
	if len(found.Processes) == 0 {
		fmt.Fprintln(c.App.ErrWriter, noneLeft(found))
	} else if err := printLeft(cmdline.Screen(c), found.Processes); err != nil {
		return err
	}
	sayHidden(c.App.ErrWriter, found.Hidden)
	return nil
}

// noneLeft says why nothing is listed.
func noneLeft(found left.Found) string {
	if found.Noted == 0 && found.Hidden == 0 {
		return "no process is known to be left: nothing living was started with WORKER_WRAP_LEFTOVERS=list or end"
	}
	return "no process is left of a job whose Worker is dead"
}

func printLeft(s screen.Screen, list []left.Process) error {
	columns := []screen.Column{
		{Head: "PID"},
		{Head: "USER"},
		{Head: "AGE"},
		{Head: "MEMORY"},
		{Head: "RUNNER", Cut: screen.Beginning},
		{Head: "JOB START"},
		{Head: "COMMAND", Cut: screen.End},
		{Head: "GC --KILL", Cut: screen.End},
	}
	var rows [][]screen.Cell
	for _, p := range list {
		ends := "ends it"
		if p.Why != "" {
			ends = "does not: " + p.Why
		}
		rows = append(rows, []screen.Cell{
			{Text: strconv.Itoa(p.PID)},
			{Text: userOf(p.UID)},
			{Text: s.Now.Sub(p.Since).Round(time.Second).String()},
			{Text: screen.Size(p.Memory)},
			{Text: p.Runner},
			{Text: s.Time(p.Begun)},
			{Text: p.Command},
			{Text: ends},
		})
	}
	return s.Table(columns, rows)
}

// userOf returns a user's name, or the number if it has none; "?" for a process of several.
func userOf(uid int) string {
	if uid < 0 {
		return "?"
	}
	return visible.Line(users.Name(uid))
}

// printEnded says what gc --kill has ended, or would end.
func printEnded(out io.Writer, ended, notEnded []left.Process, dry bool) {
	verb := "ended"
	if dry {
		verb = "would end"
	}
	for _, p := range ended {
		fmt.Fprintf(out, "  %s process %d of %s: %s\n", verb, p.PID, userOf(p.UID), screen.Printable(p.Command))
	}
	for _, p := range notEnded {
		fmt.Fprintf(out, "  process %d of %s stays (%s): %s\n", p.PID, userOf(p.UID), visible.Line(p.Why), screen.Printable(p.Command))
	}
}
