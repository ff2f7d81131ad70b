// Package gc removes what dead Workers left in the stores of runners: all of it, whoever it belongs to; the background
// sweep of each start leaves alone what it could not delete once.
package gc

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
)

// Options say what to remove.
type Options struct {
	Runners   []runner.Layout // whose stores; one that is not there is passed over
	OlderThan time.Duration   // leave alone what changed more recently; 0 for nothing
	DryRun    bool            // only list
	Kill      bool            // end processes, too
	// Deleted, if it is set, counts files and folders while they are deleted.
	Deleted *atomic.Int64
}

// Report is the outcome for one store.
type Report struct {
	Store   string   `json:"store"`
	Deleted []string `json:"deleted"` // names; with DryRun, what would be
	Kept    []string `json:"kept"`    // paths of what could not be deleted; with DryRun, by an earlier sweep
	Why     string   `json:"why,omitempty"`
	Files   int64    `json:"files"`   // how much is gone, or would be
	Bytes   int64    `json:"bytes"`   // on disk
	Partial bool     `json:"partial"` // Files and Bytes are lower bounds
	Living  int      `json:"living"`  // entries of living owners
	// Unknown counts entries whose owner cannot be judged from here: in another PID namespace, or on
	// another machine. They are left alone.
	Unknown int `json:"unknown"`
	// Ended are the processes of dead Workers' jobs that were ended, or with DryRun would be, and NotEnded those that
	// were not. Hidden is how many may be one and could not be looked into.
	Ended    []left.Process `json:"ended,omitempty"`
	NotEnded []left.Process `json:"notEnded,omitempty"`
	Hidden   int            `json:"hidden,omitempty"`
}

// Run collects in each store. The error is of the first store that could not be read; the others are
// done all the same.
func Run(o Options) ([]Report, error) {
	self, err := perpid.Self()
	if err != nil {
		return nil, err
	}
	var out []Report
	var first error
	for _, l := range o.Runners {
		for i, path := range perpid.Paths(l.Root, l.Temp) {
			r := Report{Store: path, Deleted: []string{}, Kept: []string{}}
			var err error
			if o.Kill && i == 0 { // before what they may be writing is deleted
				err = kill(l, o, &r)
			}
			cerr := collect(l, self, o, &r)
			if errors.Is(cerr, fs.ErrNotExist) {
				if cerr = nil; err == nil && len(r.Ended)+len(r.NotEnded)+r.Hidden == 0 {
					continue
				}
			}
			err = errors.Join(err, cerr)
			if err != nil && first == nil {
				first = err
			}
			out = append(out, r)
		}
	}
	return out, first
}

// collect opens the store as uninstall does: as root it is not led to another's.
func collect(l runner.Layout, self perpid.Owner, o Options, r *Report) error {
	work, err := l.Folder(filepath.Dir(r.Store))
	if err != nil {
		return err
	}
	defer work.Close()
	store, err := perpid.OpenIn(work)
	if err != nil {
		return err
	}
	defer store.Close()
	judge := perpid.NewJudge(self, store.Remote())
	entries, err := store.List(judge)
	if err != nil {
		return err
	}
	var before time.Time
	if o.OlderThan > 0 {
		before = time.Now().Add(-o.OlderThan)
	}
	for _, e := range entries {
		switch {
		case e.Verdict == perpid.Living:
			r.Living++
		case e.Verdict == perpid.Unknown:
			r.Unknown++
		case o.DryRun && e.Undeletable && os.Geteuid() != 0:
			r.Kept, r.Why = append(r.Kept, e.Path), "an earlier sweep could not"
		case before.IsZero() || e.Sweeping || !e.Changed.After(before):
			r.count(e.Path, 1)
			if o.DryRun {
				r.Deleted = append(r.Deleted, e.Name)
			}
		}
	}
	if o.DryRun {
		return nil
	}
	swept, err := store.Sweep(judge, perpid.Sweep{
		Again:    true,
		Before:   before,
		Parallel: 4 * runtime.NumCPU(), // deleting waits for the file system more than it computes
		Deleted:  o.Deleted,
	})
	r.Deleted, r.Kept = append(r.Deleted, swept.Deleted...), append(r.Kept, swept.Kept...)
	for _, path := range swept.Kept {
		r.count(path, -1)
	}
	if swept.Err != nil {
		r.Why = swept.Err.Error()
	}
	return err
}

// measured bounds how many entries of a folder are counted: that takes as long as to delete them.
const measured = 200_000

// count adds how much is in a folder, or takes away what has stayed of it.
func (r *Report) count(path string, sign int64) {
	u := tree.Measure(path, measured)
	r.Files, r.Bytes, r.Partial = r.Files+sign*u.Files, r.Bytes+sign*u.Bytes, r.Partial || u.Partial
	if r.Files < 0 || r.Bytes < 0 { // more has stayed than was counted
		r.Files, r.Bytes = 0, 0
	}
}
