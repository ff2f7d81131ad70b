package e2e

import "testing"

// TestDocker has everything that needs a dockerd, which it starts once.
func TestDocker(t *testing.T) {
	d := startDaemon(t)
	for _, c := range []struct {
		name string
		test func(*testing.T, *daemon)
	}{
		{"RunnerCommands", testRunnerCommands},
		{"Overlap", testOverlap},
		{"Inspect", testInspect},
		{"Streams", testStreams},
		{"Images", testImages},
		{"SocketInContainer", testSocketInContainer},
		{"User", testUser},
		{"SDK", testSDK},
		{"Services", testServices},
		{"Testcontainers", testTestcontainers},
		{"Compose", testCompose},
		{"Restart", testRestart},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, d) })
	}
}
