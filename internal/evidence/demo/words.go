package demo

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// seconds says a time in words.
func seconds(d time.Duration) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	n := int(math.Round(d.Seconds()))
	text := fmt.Sprint(n)
	if n < len(words) {
		text = words[n]
	}
	if n == 1 {
		return text + " second"
	}
	return text + " seconds"
}

// outcome sums a half up.
func (h *half) outcome() string {
	return "Job A " + ended(h.resultA) + ", Job B " + ended(h.resultB)
}

// ended says in words how a Worker ended.
func ended(r standin.Result) string {
	if r.Signal != 0 {
		return fmt.Sprintf("was ended by signal %d", int(r.Signal))
	}
	words := map[int]string{
		standin.Succeeded.ExitCode(): "succeeded",
		standin.Failed.ExitCode():    "failed",
		standin.Canceled.ExitCode():  "was cancelled",
	}
	word, ok := words[r.Code]
	if !ok {
		word = "crashed"
	}
	return fmt.Sprintf("%s (%d)", word, r.Code)
}

// showTime counts the time on a line of a terminal, if there is one, until stop is called, which takes the line away.
func showTime(terminal io.Writer, all time.Duration) (stop func()) {
	if terminal == nil {
		return func() {}
	}
	began, end, ended := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			line := fmt.Sprintf("%.1f of some %.0f seconds", time.Since(began).Seconds(), all.Seconds())
			fmt.Fprint(terminal, "\r"+line)
			select {
			case <-tick.C:
			case <-end:
				fmt.Fprint(terminal, "\r"+strings.Repeat(" ", len(line))+"\r")
				return
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}
