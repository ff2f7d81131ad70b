package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultScale is how long a second of the issue lasts in the demo, in seconds.
const DefaultScale = 0.1

// Options say how to run the demo.
type Options struct {
	// Out gets the timelines.
	Out io.Writer
	// Width is the number of columns to print in; 80 if it is 0.
	Width int
	// Terminal, if there is one, shows how the time passes.
	Terminal io.Writer
	// Program is the absolute path of worker-wrap, which is also the stand-in Worker.
	Program string
	// Shim is what takes the place of bin/Runner.Worker in the second half; Program if empty.
	Shim string
	// Dir is where the runners are made, in a folder that is removed again; os.TempDir() if empty.
	Dir string
	// Scale is [DefaultScale] if zero.
	Scale float64
}

// Unmet is the error of a demo in which something went otherwise than it should.
type Unmet struct{ Failures []string }

func (u *Unmet) Error() string {
	return "not what should happen: " + strings.Join(u.Failures, "; ")
}

// Run replays the issue without and with the shim. The process must have the right to mount (see
// [CanMount]). The error is an [*Unmet] if a half went otherwise than it should, or wraps the context's.
// Nothing is left behind, neither processes nor files.
func Run(ctx context.Context, o Options) error {
	o = o.defaults()
	what := fmt.Sprintf("It replays issue actions/runner#4357: Job A runs, Job B arrives, A is cancelled, "+
		"and A's cleanup comes while B runs. A stand-in plays the runner, %g times as fast as in the issue; "+
		"the times are real, in seconds since Job A's start. With worker-wrap Job A is left alone in the plain _temp, "+
		"since nobody else is there, and Job B gets a _temp of its own.", 1/o.Scale)
	return o.show(what, 2*o.scaled(aloneA+stepB+teardownB), func(dir string, hide func()) (err error) {
		began := time.Now()
		var halves [2]*half
		for i, c := range []course{
			{title: "Without worker-wrap", teardownA: teardownA, stepB: stepB, meet: true, padding: padding},
			{title: "With worker-wrap", shim: o.Shim, teardownA: teardownA, stepB: stepB, meet: true, padding: padding},
		} {
			if halves[i], err = replay(ctx, o, filepath.Join(dir, fmt.Sprint("runner", i+1)), c); err != nil {
				return err
			}
		}
		hide()
		fmt.Fprint(o.Out, table(o.Width, halves[0].title, halves[1].title, halves[0].timeline(), halves[1].timeline()))
		var failures []string
		for _, h := range halves {
			failures = append(failures, h.unmet()...)
		}
		fmt.Fprint(o.Out, "\n", wrap(fmt.Sprintf("Without: %s. With: %s. Both halves took %.1f seconds.",
			halves[0].outcome(), halves[1].outcome(), time.Since(began).Seconds()), o.Width, ""))
		if failures != nil {
			return &Unmet{failures}
		}
		return nil
	})
}

// show says what is to be seen and how long that takes. It calls play with a folder that is removed afterwards, and a
// function that hides the progress.
func (o Options) show(what string, takes time.Duration, play func(dir string, hide func()) error) (err error) {
	dir, err := scratch(o.Dir)
	if err != nil {
		return err
	}
	defer func() {
		if rerr := remove(dir); rerr != nil {
			err = errors.Join(err, fmt.Errorf("cannot tidy up: %w", rerr))
		}
	}()
	_, err = fmt.Fprint(o.Out, wrap(fmt.Sprintf("This takes some %s. %s", seconds(takes), what), o.Width, ""), "\n")
	if err != nil {
		return err
	}
	hide := sync.OnceFunc(showTime(o.Terminal, takes))
	defer hide()
	return play(dir, hide)
}

func (o Options) defaults() Options {
	if o.Shim == "" {
		o.Shim = o.Program
	}
	if o.Scale == 0 {
		o.Scale = DefaultScale
	}
	if o.Width == 0 {
		o.Width = 80
	}
	return o
}

// scratch makes a folder in which programs may run.
func scratch(parent string) (string, error) {
	dir, err := os.MkdirTemp(parent, "worker-wrap-demo-")
	if err != nil {
		return "", err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err == nil && st.Flags&unix.ST_NOEXEC != 0 {
		return "", errors.Join(fmt.Errorf("no program may run in %s, which is mounted noexec: set TMPDIR to a folder on another file system", filepath.Dir(dir)), os.Remove(dir))
	}
	return filepath.EvalSymlinks(dir)
}

// remove removes the folder of a demo. What worker-wrap left beside a Worker may still write how that ended.
func remove(dir string) (err error) {
	for range 50 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}
