package rewrite_test

import (
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

// TestPlaces: a place of the job's own is translated as its _temp is, in both directions.
func TestPlaces(t *testing.T) {
	const home, own = "/tst/home", work + "/.worker-wrap/1.2"
	job := ofJob(nil)
	job.Places = []hostpath.Redirect{{Job: home + "/.docker", Host: own}}
	tr := rewrite.New(job)
	replace := strings.NewReplacer("{H}", home, "{O}", own).Replace
	body := replace(`{"HostConfig":{"AutoRemove":true,"Binds":["{H}/.docker:/root/.docker:ro","{H}:/home","{T}:/t"]}}`)
	out, created, err := tr.ContainerCreate([]byte(expand(body)))
	want := expand(replace(`{"HostConfig":{"AutoRemove":true,"Binds":["{O}:/root/.docker:ro","{H}:/home","{O}:/home/.docker","{P}:/t"]}}`))
	if err != nil || string(out) != want {
		t.Fatalf("%s, %v; want\n%s", out, err, want)
	}
	created(201, []byte(`{"Id":"c1"}`))
	shown := rewrite.Containers(tr, []byte(expand(replace(`{"Id":"c1","HostConfig":{"Binds":["{O}:/root/.docker:ro","{H}:/home","{O}:/home/.docker","{P}:/t"]},"State":{"Error":"no {O}/x"}}`))))
	want = expand(replace(`{"Id":"c1","HostConfig":{"Binds":["{H}/.docker:/root/.docker:ro","{H}:/home","{T}:/t"]},"State":{"Error":"no {H}/.docker/x"}}`))
	if string(shown) != want {
		t.Errorf("%s, want\n%s", shown, want)
	}
}
