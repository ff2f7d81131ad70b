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

	channelDefault = 30 * time.Second
	channelLongest = 300 * time.Second
	// startUp is what the runner's own Worker is left to start in and read its job.
	startUp = 3 * time.Second
	// comfortable is what should be left, so that a busy machine does not come near the limit.
	comfortable = 5 * time.Second
	// fallbackWait is how long WORKER_WRAP_FALLBACK=wait waits if WORKER_WRAP_WAIT says nothing.
	fallbackWait = 20 * time.Second
)

// Patience returns how long a start may wait in all, whatever it waits for. It warns if the setting is near or over the
// time after which the Listener kills a Worker that has not taken its job. channelTimeout is the value of
// [ChannelTimeoutVar].
func (s Settings) Patience(channelTimeout string) (d time.Duration, warning string) {
	d = s.Wait
	if d == 0 && s.Fallback == FallbackWait {
		d = fallbackWait
	}
	limit := ChannelTimeout(channelTimeout)
	switch {
	case d > limit-startUp:
		d = limit - startUp
		warning = fmt.Sprintf("WORKER_WRAP_WAIT=%v is too long: the runner kills a Worker that has not taken its job after %v, so worker-wrap waits at most %v", s.Wait, limit, d)
	case d > limit-comfortable:
		warning = fmt.Sprintf("WORKER_WRAP_WAIT=%v is near the %v after which the runner kills a Worker that has not taken its job; use %v or less", s.Wait, limit, limit-comfortable)
	}
	return d, warning
}

// ChannelTimeout returns how long the Listener tries to send a Worker its job. value is [ChannelTimeoutVar]'s.
func ChannelTimeout(value string) time.Duration {
	// As int.TryParse has it: a number that does not fit is none, and the runner's default counts.
	n, err := strconv.ParseInt(strings.Trim(value, " \t\n\v\f\r"), 10, 32)
	if err != nil {
		return channelDefault
	}
	return min(max(time.Duration(n)*time.Second, channelDefault), channelLongest)
}
