package e2e

import (
	"slices"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDocker has everything that needs a dockerd, which it starts once.
func TestDocker(t *testing.T) { testDocker(t, startDaemon(t, "")) }

// TestNewerDocker does so with a newer daemon and its own clients. What has nothing to do with the daemon's version it
// leaves out.
func TestNewerDocker(t *testing.T) {
	testDocker(t, startDaemon(t, testkit.NewerDocker(t)), "Streams", "User", "Context", "Restart")
}

func testDocker(t *testing.T, d *daemon, without ...string) {
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
		{"Context", testContext},
		{"Volumes", testVolumes},
		{"Older", testOlder},
		{"Odd", testOdd},
		{"OwnContainer", testOwnContainer},
		{"SDK", testSDK},
		{"Services", testServices},
		{"Testcontainers", testTestcontainers},
		{"Compose", testCompose},
		{"Restart", testRestart},
		{"Lasting", testLasting}, // last, as a daemon that starts again cleans up after swarms
	} {
		if slices.Contains(without, c.name) {
			continue
		}
		t.Run(c.name, func(t *testing.T) { c.test(t, d) })
	}
}
