package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// testLasting: containers that a job deploys are as they would be without the proxy, also after the job and a restart
// of the daemon; those that end with the job have what belongs to it.
func testLasting(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	deployed := map[string]string{
		"by-bind":  `-v $S:/var/run/docker.sock -v $(dirname $S):/var/run/docker -v /:/rootfs:ro -v $(dirname $W):/home/ci`,
		"by-mount": `--mount type=bind,source=$S,target=/s --mount type=bind,source=$(dirname $W),target=/x`,
	}
	for name, options := range deployed {
		w.must(`$D run -d --name ` + name + ` --restart always --stop-signal KILL --network none ` + options + ` $IMAGE tail -f /dev/null`)
		show := `$D inspect -f '{{range .Mounts}}{{.Source}} {{.Destination}}{{"\n"}}{{end}}' ` + name + ` | sort`
		mounts := s.onHost(t, w, show)
		if strings.Contains(mounts, ".worker-wrap") {
			t.Errorf("%s has %s", name, mounts)
		}
		w.want(show, mounts)
	}
	w.must(`echo mine >$T/file`)
	w.want(`$D run --rm --network none -v /:/rootfs:ro $IMAGE cat /rootfs$T/file`, "mine")
	w.want(`$D run --name own --network none -v $W:/w $IMAGE cat /w/_temp/file; $D rm own`, "mine\nown")
	w.stop()

	d.stop(t)
	d.start(t)
	for name := range deployed {
		for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(50 * time.Millisecond) {
			state := d.cli(t, "inspect", "-f", "{{.State.Running}} {{.State.Error}}", name)
			if state == "true" {
				break
			}
			if time.Now().After(deadline) || strings.Contains(state, " ") {
				t.Errorf("%s, after the job and a restart of the daemon: %s", name, state)
				break
			}
		}
		d.cli(t, "rm", "-f", name)
	}
	if left, err := filepath.Glob(s.work + "/.worker-wrap/*"); err != nil || len(left) > 0 {
		t.Errorf("dockerd made %q (%v)", left, err)
	}
	if left, err := os.ReadDir(s.temp); err != nil || len(left) > 0 {
		t.Errorf("the host's _temp has %v (%v)", left, err)
	}
}
