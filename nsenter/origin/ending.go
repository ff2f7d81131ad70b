//go:build !worker_wrap_coverage

package origin

// ending is called where this process is about to end in a way that Go's exit hooks do not see.
func ending() {}
