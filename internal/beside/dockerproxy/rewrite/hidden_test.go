package rewrite_test

import (
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
)

func TestCheckHidden(t *testing.T) {
	dir := t.TempDir()
	temp, private := dir+"/_temp", dir+"/.worker-wrap/1-2-3-0123456789ab"
	job := rewrite.Job{Temp: hostpath.Redirect{Job: temp, Host: private}}
	tr := rewrite.New(job)
	bodies := map[string]string{
		"bind":          `{"HostConfig":{"Binds":["X:/x:ro"]}}`,
		"at the top":    `{"Binds":["X:/x"]}`,
		"mount":         `{"HostConfig":{"Mounts":[{"Type":"bind","Source":"X","Target":"/x"}]}}`,
		"volume":        `{"Name":"v","DriverOpts":{"type":"none","o":"bind","device":"X"}}`,
		"inline volume": `{"HostConfig":{"Mounts":[{"Type":"volume","Source":"v","Target":"/x","VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"o":"bind","device":"X"}}}}]}}`,
		"service":       `{"TaskTemplate":{"ContainerSpec":{"Mounts":[{"Type":"bind","Source":"X","Target":"/x"}]}}}`,
	}
	refused := []string{temp, temp + "/", temp + "/_github_home", dir + "/./_temp/a", private, private + "/a"}
	allowed := []string{dir, "/", dir + "/_temporary", dir + "/repo/_temp", "volume"}
	for name, body := range bodies {
		for _, source := range append(refused, allowed...) {
			if err := tr.CheckHidden([]byte(strings.Replace(body, "X", source, 1))); err != nil {
				t.Fatalf("%s of %s is refused though nothing is hidden: %v", name, source, err)
			}
		}
	}
	job.Hidden = true
	tr = rewrite.New(job)
	for name, body := range bodies {
		for _, source := range refused {
			err := tr.CheckHidden([]byte(strings.Replace(body, "X", source, 1)))
			if err == nil || !strings.Contains(err.Error(), source) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s of %s: %v; want one line that names it", name, source, err)
			}
		}
		for _, source := range allowed {
			if err := tr.CheckHidden([]byte(strings.Replace(body, "X", source, 1))); err != nil {
				t.Errorf("%s of %s is refused: %v", name, source, err)
			}
		}
	}
	const above = `{"HostConfig":{"Binds":["X:/x"]}}`
	body := strings.Replace(above, "X", dir, 1)
	out, _, err := tr.ContainerCreate([]byte(body))
	if err != nil || string(out) != body {
		t.Errorf("what lies above: %s, %v; want it unchanged", out, err)
	}
}
