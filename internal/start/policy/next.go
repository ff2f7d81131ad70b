package policy

// Step is what a start does next.
type Step int

// The steps. The first three lead to another question to [Next], the others end the start.
const (
	// Look finds out whether earlier Workers of the runner are alive: sets Facts.Earlier.
	Look Step = iota
	// Wait waits for those to end, or, after isolation failed, for those in the plain _temp, or until patience is over:
	// sets Facts.Waited, and makes Facts.Claim Untried again.
	Wait
	// Claim tries to become the one that uses the plain _temp. That works only if no other Worker is in it; before
	// isolation was tried, only if no other Worker of the runner is alive: sets Facts.Claim.
	Claim

	// Isolate makes a _temp of its own and becomes the program; if it fails it sets Facts.Failed.
	Isolate
	// Plain becomes the program in the plain _temp, as the settings want it for a Worker that is alone.
	Plain
	// Unisolated does the same because isolation failed, and reports it.
	Unisolated
	// Refuse ends with exit code 125.
	Refuse
)

func (s Step) String() string {
	return [...]string{"look", "wait", "claim", "isolate", "plain", "unisolated", "refuse"}[s]
}

// Presence is whether earlier Workers are alive.
type Presence int

// The values of Presence.
const (
	NotLooked Presence = iota
	None
	Alive
)

// Try is whether something was tried, and how it went.
type Try int

// The values of Try.
const (
	Untried Try = iota
	Won
	Lost
)

// Facts are what a start knows so far. The zero value knows nothing.
type Facts struct {
	Earlier Presence // as Look found
	Waited  bool
	Claim   Try
	Failed  bool // isolation was tried and failed
}

// Next names the next step.
func Next(s Settings, f Facts) Step {
	if s.Wait > 0 && !f.Waited {
		if step, more := patiently(f); more {
			return step
		}
	}
	if !f.Failed {
		if s.Isolate == Always || f.Claim == Lost {
			return Isolate
		}
		if f.Claim == Untried {
			return Claim
		}
		return Plain
	}
	switch s.Fallback {
	case FallbackRun:
		return Unisolated
	case FallbackWait:
		switch {
		case f.Claim == Untried:
			return Claim
		case f.Claim == Won:
			return Unisolated
		case !f.Waited:
			return Wait
		}
	}
	return Refuse
}

// patiently looks and waits, if there is something to wait for.
func patiently(f Facts) (step Step, more bool) {
	switch f.Earlier {
	case NotLooked:
		return Look, true
	case Alive:
		return Wait, true
	}
	return 0, false
}
