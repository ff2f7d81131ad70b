package cmdline

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// Progress keeps a running count in the last line of the terminal, once it takes longer than a moment,
// until it is told to stop. There is no bar, as how much there is to delete is not known before it is
// deleted.
func Progress(count *atomic.Int64) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		began := time.Now()
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-quit:
				if shown {
					fmt.Fprint(os.Stderr, "\r\033[K")
				}
				return
			case <-tick.C:
			}
			if took := time.Since(began); took > time.Second {
				fmt.Fprintf(os.Stderr, "\r\033[Kdeleted %d, %s", count.Load(), took.Round(time.Second))
				shown = true
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}
