package alone

import "time"

const (
	// Patience is how long locks are worth waiting for that no living Worker is known to have. Who looks whether it is
	// alone has them for milliseconds; the keeper of a Worker that has ended lets go as soon as it runs.
	Patience = 2 * time.Second
	// shortestLook and longestLook are the first and the last pause between two looks meanwhile.
	shortestLook, longestLook = 2 * time.Millisecond, 32 * time.Millisecond
)

// TakeUnless is [Take] as long as nobody is known to keep the locks: then the error is anybody's. Who has them may become
// a Worker meanwhile.
func TakeUnless(p Places, patience time.Duration, anybody func() error) (l *Locks, err error) {
	err = untilTaken(patience, func() error { l, err = Take(p, 0); return err }, anybody)
	return l, err
}

// untilTaken calls take, with short pauses, until that or anybody says how it ends.
func untilTaken(patience time.Duration, take, anybody func() error) error {
	begun := now()
	for pause := shortestLook; ; pause = min(2*pause, longestLook) {
		err := take()
		if err == nil {
			return nil
		}
		if err := anybody(); err != nil {
			return err
		}
		if now().Sub(begun) >= patience {
			return err
		}
		sleep(pause)
	}
}

// The clock of untilTaken, which a test exchanges.
var (
	now   = time.Now
	sleep = time.Sleep
)
