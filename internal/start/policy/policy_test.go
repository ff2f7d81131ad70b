package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// eachCombination calls f for every combination of settings and circumstances.
func eachCombination(f func(policy.Settings, policy.World)) int {
	n := 0
	for _, userns := range []bool{false, true} {
		for _, backing := range []policy.Backing{policy.Dir, policy.Tmpfs} {
			for _, wait := range []time.Duration{0, 20 * time.Second} {
				for _, fallback := range []policy.Fallback{policy.FallbackNone, policy.FallbackWait, policy.FallbackRun} {
					for _, isolate := range []policy.Extent{policy.Always, policy.Alone} {
						for _, others := range []policy.Others{policy.NoOthers, policy.OthersEnd, policy.OthersStay} {
							for _, isolates := range []bool{false, true} {
								n++
								f(policy.Settings{Userns: userns, Wait: wait, Fallback: fallback, Isolate: isolate, Backing: backing},
									policy.World{Others: others, Isolates: isolates})
							}
						}
					}
				}
			}
		}
	}
	return n
}

// want is what the settings promise, written down without regard to how a start gets there.
func want(s policy.Settings, w policy.World) policy.Outcome {
	waitsFirst := s.Wait > 0 && w.Others != policy.NoOthers
	left := w.Others != policy.NoOthers && (!waitsFirst || w.Others == policy.OthersStay) // when it is time to start
	o := policy.Outcome{Waits: waitsFirst}
	switch {
	case s.Isolate != policy.Always && !left:
		o.End = policy.Plain
	case w.Isolates:
		o.End = policy.Isolate
	case s.Fallback == policy.FallbackRun:
		o.End = policy.Unisolated
	case s.Fallback == policy.FallbackNone:
		o.End = policy.Refuse
	default:
		o.Waits = o.Waits || left
		o.End = policy.Unisolated
		if w.Others == policy.OthersStay {
			o.End = policy.Refuse
		}
	}
	return o
}

func TestEveryCombination(t *testing.T) {
	n := eachCombination(func(s policy.Settings, w policy.World) {
		got, ok := policy.Walk(s, w)
		if !ok {
			t.Errorf("%+v in %+v: goes round for ever", s, w)
		}
		if got != want(s, w) {
			t.Errorf("%+v in %+v: %+v, want %+v", s, w, got, want(s, w))
		}
		alone := s
		alone.Userns, alone.Backing = false, policy.Dir
		if plain, _ := policy.Walk(alone, w); plain != got {
			t.Errorf("%+v in %+v: USERNS or BACKING change what is done", s, w)
		}
	})
	if n != 288 {
		t.Errorf("%d combinations, want 288", n)
	}
}

// TestNextAlwaysLeadsSomewhere: from every state of knowledge, also those that Walk does not come through, a start ends
// after a few steps. Only by WORKER_WRAP_FALLBACK=run it ends in the plain _temp without a claim to it.
func TestNextAlwaysLeadsSomewhere(t *testing.T) {
	var follow func(s policy.Settings, f policy.Facts, steps int)
	follow = func(s policy.Settings, f policy.Facts, steps int) {
		if steps > 8 {
			t.Errorf("%+v: no end from %+v", s, f)
			return
		}
		switch step := policy.Next(s, f); step {
		case policy.Look:
			for _, found := range []policy.Presence{policy.None, policy.Alive} {
				g := f
				g.Earlier = found
				follow(s, g, steps+1)
			}
		case policy.Wait:
			f.Waited, f.Claim = true, policy.Untried
			follow(s, f, steps+1)
		case policy.Claim:
			for _, claim := range []policy.Try{policy.Won, policy.Lost} {
				g := f
				g.Claim = claim
				follow(s, g, steps+1)
			}
		case policy.Isolate:
			if f.Failed {
				t.Errorf("%+v: isolation is tried again after %+v", s, f)
			}
			f.Failed = true
			follow(s, f, steps+1)
		case policy.Plain, policy.Unisolated:
			if f.Claim != policy.Won && s.Fallback != policy.FallbackRun {
				t.Errorf("%+v: in the plain _temp without a claim, after %+v", s, f)
			}
			if step == policy.Plain && s.Isolate == policy.Always {
				t.Errorf("%+v: not isolated, and not said so", s)
			}
		}
	}
	eachCombination(func(s policy.Settings, _ policy.World) { follow(s, policy.Facts{}, 0) })
}

// TestTableCoversEachCombinationOnce reads the table back.
func TestTableCoversEachCombinationOnce(t *testing.T) {
	decisions, means, _ := strings.Cut(policy.Table(), "\n\n")
	lines := strings.Split(decisions, "\n")[2:]
	eachCombination(func(s policy.Settings, w policy.World) {
		cells := []string{
			fmt.Sprintf("`%v`", s.Isolate), map[bool]string{true: "works", false: "fails"}[w.Isolates], fmt.Sprintf("`%v`", s.Fallback),
			map[bool]string{true: "on", false: "off"}[s.Wait > 0], [...]string{"none", "end in time", "stay"}[w.Others],
		}
		var found []string
		for _, line := range lines {
			if f := strings.Split(strings.Trim(line, "| "), " | "); matches(f, cells) {
				found = append(found, strings.Join(f[len(cells):], ": "))
			}
		}
		if len(found) != 1 {
			t.Fatalf("%v is in %d rows, want 1", cells, len(found))
		}
		o := want(s, w)
		wait := map[bool]string{true: "yes: ", false: "no: "}[o.Waits]
		if !strings.HasPrefix(found[0], wait) || strings.Contains(found[0], "125") != (o.End == policy.Refuse) ||
			strings.Contains(found[0], "own") != (o.End == policy.Isolate) || strings.Contains(found[0], "reported") != (o.End == policy.Unisolated) {
			t.Errorf("%v: the table says %q, the outcome is %+v", cells, found[0], o)
		}
	})
	if n := strings.Count(means, "\n") - 2; n != 4 {
		t.Errorf("%d rows for USERNS and BACKING, want 4", n)
	}
}

func matches(row, cells []string) bool {
	for i, cell := range cells {
		if row[i] != cell && row[i] != "any" {
			return false
		}
	}
	return true
}

// TestSettingsPage holds the table in docs/settings.md to the function's. With WORKER_WRAP_UPDATE=1 it writes it.
func TestSettingsPage(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "settings.md")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- policy table -->\n", "<!-- /policy table -->"
	before, rest, ok := strings.Cut(string(data), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no part between %q and %q", path, begin, end)
	}
	if old == policy.Table() {
		return
	}
	if os.Getenv("WORKER_WRAP_UPDATE") == "" {
		t.Fatalf("%s does not have this table; run the test with WORKER_WRAP_UPDATE=1:\n%s", path, policy.Table())
	}
	if err := os.WriteFile(path, []byte(before+begin+policy.Table()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
