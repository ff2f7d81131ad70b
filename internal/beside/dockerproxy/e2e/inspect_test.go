package e2e

import (
	"strings"
	"testing"
)

// testInspect: a job is shown what it would be shown without the proxy.
func testInspect(t *testing.T, d *daemon) {
	s := newSite(t, d)
	const (
		create = `mkdir -p $T/a $T/m; [ -e $W/link ] || ln -s _temp $W/link; $D create --name shown --network none -v $W:/__w:ro -v $W/link/a:/a -v $W/repo/../_temp//m:/m:ro ` +
			`--mount type=bind,source=$T/m,target=/mm --mount type=bind,source=$W/,target=/ww,readonly $IMAGE true >/dev/null
			$D volume create -d local -o type=none -o o=bind -o device=$W/repo/../_temp/a vol >/dev/null; echo in-volume >$T/a/file`
		remove = `$D rm -f shown; $D volume rm vol`
	)
	shows := []string{
		`$D inspect -f '{{range .HostConfig.Binds}}{{.}}{{"\n"}}{{end}}{{json .HostConfig.Mounts}}' shown | sort`, // docker itself sends the binds in any order
		`$D inspect -f '{{range .Mounts}}{{json .}}{{"\n"}}{{end}}' shown | sort`,
		`$D ps -a --no-trunc --format '{{.Mounts}}' --filter volume=$T/m | tr , '\n' | sort`,
		`$D volume inspect -f '{{.Options.device}} {{.Name}}' vol`,
		`$D run --rm --network none -v vol:/v $IMAGE cat /v/file`,
		`$D run --rm --network none -v $T/none-such:/n $IMAGE true; ls -d $T/none-such`,
		`$D run --rm --network none --mount type=bind,source=$W/repo/none-such,target=/n $IMAGE true 2>&1 || true`,
	}
	var bare []string
	w := s.start(t, false)
	// Without the proxy, on the host's own _temp.
	for _, step := range append(append([]string{create}, shows...), remove) {
		r := s.onHost(t, w, step)
		bare = append(bare, r)
	}
	if !strings.Contains(bare[1], "repo/../_temp//m:/m:ro") || bare[5] != "in-volume" {
		t.Fatalf("without the proxy: %q", bare)
	}
	w = s.start(t, true)
	w.must(create)
	for i, show := range shows {
		w.want(show, bare[i+1])
	}
	w.must(remove)
}
