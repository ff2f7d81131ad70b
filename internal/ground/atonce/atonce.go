// Package atonce does the same to many things, as many of them at once as there are CPUs.
package atonce

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Each calls do with each number below n, and returns once all calls have.
func Each(n int, do func(i int)) {
	var begun atomic.Int64
	var all sync.WaitGroup
	for range min(n, runtime.NumCPU()) {
		all.Go(func() {
			for i := int(begun.Add(1)); i <= n; i = int(begun.Add(1)) {
				do(i - 1)
			}
		})
	}
	all.Wait()
}
