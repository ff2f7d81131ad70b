package policy

// Others is what the other Workers of a runner do while one starts.
type Others int

// The values of Others.
const (
	NoOthers Others = iota
	OthersEnd
	OthersStay
)

// World is what a start meets.
type World struct {
	Others   Others // OthersEnd: within the time that is waited, if any is
	Isolates bool   // isolation works here
}

// Outcome is what comes of a start.
type Outcome struct {
	Waits bool
	End   Step // Isolate, Plain, Unisolated or Refuse
}

// Walk plays a start through. ok is false if Next asks for a step twice, which would have no end; it
// is there for the tests.
func Walk(s Settings, w World) (o Outcome, ok bool) {
	var f Facts
	seen := map[Facts]bool{}
	for !seen[f] {
		seen[f] = true
		switch step := Next(s, f); step {
		case Look:
			f.Earlier = w.presence()
		case Wait:
			o.Waits, f.Waited, f.Claim = true, true, Untried
			if w.Others == OthersEnd {
				w.Others = NoOthers
			}
		case Claim:
			f.Claim = Lost
			if w.Others == NoOthers {
				f.Claim = Won
			}
		case Isolate:
			if w.Isolates {
				o.End = step
				return o, true
			}
			f.Failed = true
		default:
			o.End = step
			return o, true
		}
	}
	return o, false
}

func (w World) presence() Presence {
	if w.Others == NoOthers {
		return None
	}
	return Alive
}
