package main

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// placeCommand is what a package's script calls: it makes a copy of this program with the file capability. So packages
// need no setcap(8).
func placeCommand() *cli.Command {
	return &cli.Command{
		Name:   "__place",
		Hidden: true,
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return errors.New("__place takes the path of the copy")
			}
			self, err := os.Executable()
			if err != nil {
				return err
			}
			return cmdline.Undone(program.Place(self, c.Args().First()))
		},
	}
}
