package alone

import (
	"errors"
	"testing"
	"time"
)

// byFakeClock is untilTaken by a clock that only its pauses move on. It returns how long that took.
func byFakeClock(take, anybody func(at time.Duration) error) (time.Duration, error) {
	begun := time.Unix(0, 0)
	clock := begun
	now, sleep = func() time.Time { return clock }, func(d time.Duration) { clock = clock.Add(d) }
	defer func() { now, sleep = time.Now, time.Sleep }()
	at := func() time.Duration { return clock.Sub(begun) }
	err := untilTaken(Patience, func() error { return take(at()) }, func() error { return anybody(at()) })
	return at(), err
}

// TestUntilTaken: a start that finds the locks taken has them soon after they are free, or knows soon that a Worker has
// them by now. Otherwise it gives up when its patience is over.
func TestUntilTaken(t *testing.T) {
	const never = time.Hour
	locked, claimed := errors.New("locked"), errors.New("claimed")
	for _, c := range []struct {
		name          string
		free, becomes time.Duration // when the locks are free, and when whoever has them is seen to be a Worker
		want          error
		within        time.Duration
	}{
		{"free", 0, never, nil, 0},
		{"free in a moment", 3 * time.Millisecond, never, nil, 8 * time.Millisecond},
		{"free later", 500 * time.Millisecond, never, nil, 550 * time.Millisecond},
		{"a Worker's", never, 0, claimed, 0},
		{"a Worker's in a moment", never, 100 * time.Millisecond, claimed, 150 * time.Millisecond},
		{"nobody's", never, never, locked, 2100 * time.Millisecond},
	} {
		took, err := byFakeClock(
			func(at time.Duration) error {
				if at >= c.free {
					return nil
				}
				return locked
			},
			func(at time.Duration) error {
				if at >= c.becomes {
					return claimed
				}
				return nil
			})
		if !errors.Is(err, c.want) || took > c.within {
			t.Errorf("%s: %v after %v; want %v within %v", c.name, err, took, c.want, c.within)
		}
	}
}
