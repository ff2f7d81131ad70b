// Package atonce does the same to many things, as many of them at once as there are CPUs.
package atonce

import (
	"runtime"
	"sync"
)

// Each calls do with each number below n, and returns once all calls have.
func Each(n int, do func(i int)) {
	slots := make(chan struct{}, runtime.NumCPU())
	var all sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			do(i)
		})
	}
	all.Wait()
}
