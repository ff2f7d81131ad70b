package checks

// Level is how a result is meant.
type Level string

// The levels, in rising order.
const (
	OK   Level = "ok"
	Warn Level = "warning" // jobs are protected, but something is not as it should be
	Fail Level = "problem" // jobs are not protected, or do not start
)

// Result is what one check found.
type Result struct {
	Check string `json:"check"` // what was looked at, in a word or two
	Level Level  `json:"level"`
	What  string `json:"found"`          // one sentence
	Why   string `json:"why,omitempty"`  // what it leads to; with a warning or a problem
	Mend  string `json:"mend,omitempty"` // the command that mends it, or what to do

	OfUnit bool `json:"-"` // read from the runner's unit, and not tried
}

// Rank is 0 for [OK], 1 for [Warn] and 2 for [Fail].
func (l Level) Rank() int {
	switch l {
	case Warn:
		return 1
	case Fail:
		return 2
	}
	return 0
}

// Worst returns the worst level of results, [OK] if there are none.
func Worst(results []Result) Level {
	level := OK
	for _, r := range results {
		if r.Level.Rank() > level.Rank() {
			level = r.Level
		}
	}
	return level
}
