package choose

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/ground/atonce"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
)

// Runners are those that a command line chooses.
type Runners struct {
	Layouts []runner.Layout
	// Broken are those whose .runner cannot be read, or makes no sense. They do not hide the others.
	Broken []*runner.ConfigError
}

// Every returns the runners of this machine, and the one found from the current folder upwards. With bare also
// those whose .runner does not tell their layout, which then is guessed.
func Every(bare bool) Runners {
	var out Runners
	add := func(l runner.Layout, err error) {
		var broken *runner.ConfigError
		switch {
		case err == nil, bare:
			out.Layouts = append(out.Layouts, l)
		case !runner.Missing(err) && errors.As(err, &broken):
			out.Broken = append(out.Broken, broken)
		}
	}
	seen := map[string]bool{}
	for _, f := range discover.All("") {
		seen[f.Layout.Root] = true
		add(f.Layout, f.Err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return out // it is gone, and leads to no runner
	}
	if here, err := upwards(dir, bare); here.Root != "" && !seen[resolved(here.Root)] {
		add(here, err)
	}
	return out
}

// upwards is [runner.FindUp], but takes an unpacked release too. With an error it also returns the guessed layout of
// the runner that the error is about, if any. With bare that can be one without .runner.
func upwards(dir string, bare bool) (runner.Layout, error) {
	for d := dir; ; d = filepath.Dir(d) {
		l, err := runner.FromRelease(d)
		if err == nil {
			return l, nil
		}
		if _, serr := os.Lstat(filepath.Join(d, runner.ConfigName)); serr == nil || bare && runner.Missing(err) && runner.HasWorker(d) {
			return runner.Unconfigured(d), err
		}
		if d == filepath.Dir(d) {
			return runner.FindUp(dir) // which has words for it
		}
	}
}

// These returns the runners in the given roots or, if none is given, every runner. It is for a subcommand that can say
// something of a runner without a usable .runner.
func These(roots []string) (Runners, error) {
	if len(roots) == 0 {
		return Every(false), nil
	}
	return of(roots, false, true)
}

// Here returns the runner found from the current folder upwards, for a subcommand that changes runners.
func Here(bare bool) (Runners, error) {
	const choose = "say which with --runner-root DIR, or --all for every runner of this machine"
	dir, err := os.Getwd()
	if err != nil {
		return Runners{}, fmt.Errorf("cannot tell the current folder: %w; cd to a runner, or %s", err, choose)
	}
	here, err := upwards(dir, bare)
	if here.Root == "" {
		return Runners{}, fmt.Errorf("%w; %s", err, choose)
	}
	return Of([]string{here.Root}, bare)
}

// Of returns the runners in the given roots, by paths without links, each once. With bare also those that are listed and
// gone.
func Of(given []string, bare bool) (Runners, error) { return of(given, bare, false) }

// of is Of, or with broken These.
func of(given []string, bare, broken bool) (Runners, error) {
	var out Runners
	seen := map[string]bool{}
	layouts, errs := make([]runner.Layout, len(given)), make([]error, len(given))
	atonce.Each(len(given), func(i int) { layouts[i], errs[i] = runner.FromRelease(resolved(given[i])) })
	for i, root := range given {
		l, err := layouts[i], errs[i]
		switch config := (*runner.ConfigError)(nil); {
		case bare && errors.As(err, &config) && runner.HasWorker(config.Root):
			l, err = runner.Unconfigured(config.Root), nil
		case bare && errors.As(err, &config) && runner.Missing(err) && gone(config.Root) != "":
			l, err = runner.Unconfigured(gone(config.Root)), nil
		case broken && errors.As(err, &config) && !runner.Missing(err):
			out.Broken = append(out.Broken, config)
			continue
		}
		if err != nil && !errors.As(err, new(*runner.ConfigError)) {
			return Runners{}, fmt.Errorf("--runner-root %s: cannot tell the current folder: %w; cd elsewhere, or give the whole path", root, err)
		}
		if runner.Missing(err) {
			return Runners{}, fmt.Errorf("%w: that is not a configured runner, nor an unpacked release of one (run.sh, bin/%s and bin/%s); give the folder that has config.sh",
				err, runner.ListenerName, runner.WorkerName)
		}
		if err != nil {
			return Runners{}, runner.Advise(err)
		}
		if !seen[l.Root] {
			seen[l.Root] = true
			out.Layouts = append(out.Layouts, l)
		}
	}
	return out, nil
}

// gone returns the name by which a root is listed in which there is no runner any more, "" if it is not.
func gone(root string) string {
	all, _ := machine.Machine{}.Gone()
	for _, name := range []string{root, filepath.Join(resolved(filepath.Dir(root)), filepath.Base(root))} {
		if slices.Contains(all, name) {
			return name
		}
	}
	return ""
}

// resolved returns a path without links, or the path itself if that cannot be told.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
