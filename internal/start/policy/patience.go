package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// ChannelTimeoutVar is the runner's own setting of how many seconds its Listener gives a Worker to
	// take its job: 30 to 300, 30 by default (JobDispatcher.cs).
	ChannelTimeoutVar = "GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT"
	// ChannelDefault is that time if the setting says nothing.
	ChannelDefault = 30 * time.Second
	channelLongest = 300 * time.Second

	// Spare is the rest of that time at the end of a start that is refused: it ends before the Listener gives up.
	Spare = 5 * time.Second
	// LastTry is how long a start whose time is up still waits for a lock: others hold it for milliseconds.
	LastTry = 500 * time.Millisecond
	// Grace is how long such a start may then take to read its job's message, which is there already.
	Grace = time.Second

	// search is how long a start that has waited to the end may look for what vanishes for milliseconds.
	search = 500 * time.Millisecond
	// fallbackWait is how long WORKER_WRAP_FALLBACK=wait waits if WORKER_WRAP_WAIT says nothing.
	fallbackWait = 20 * time.Second
)

// Patience returns how long a start may wait in all, whatever it waits for. Any wait may end in a refusal, so what
// follows one has its time as well. It warns if the setting is longer. channelTimeout is the value of
// [ChannelTimeoutVar].
func (s Settings) Patience(channelTimeout string) (d time.Duration, warning string) {
	d = s.Wait
	if d == 0 && s.Fallback == FallbackWait {
		d = fallbackWait
	}
	if longest := Latest(channelTimeout) - search; d > longest {
		d = longest
		warning = fmt.Sprintf("WORKER_WRAP_WAIT=%v is too long: the runner kills a Worker that has not taken its job after %v, so worker-wrap waits at most %v", s.Wait, ChannelTimeout(channelTimeout), d)
	}
	return d, warning
}

// Latest returns how long after its beginning a start may look for something missing. Then it has [LastTry] for a lock
// and [Grace] for the job's message, and ends [Spare] before the Listener gives up.
func Latest(channelTimeout string) time.Duration {
	return ChannelTimeout(channelTimeout) - Spare - Grace - LastTry
}

// ChannelTimeout returns how long the Listener tries to send a Worker its job. value is [ChannelTimeoutVar]'s.
func ChannelTimeout(value string) time.Duration {
	// As int.TryParse has it: a number that does not fit is none, and the runner's default counts.
	n, err := strconv.ParseInt(strings.Trim(value, " \t\n\v\f\r"), 10, 32)
	if err != nil {
		return ChannelDefault
	}
	return min(max(time.Duration(n)*time.Second, ChannelDefault), channelLongest)
}
