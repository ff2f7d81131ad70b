package e2e

import (
	"strings"
	"testing"
)

// testVolumes: volumes and containers that others made lead a job's containers to its own _temp, and what the daemon
// says of what was changed, or of what an earlier job left, reads as the job knows it.
func testVolumes(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	s.onHost(t, w, `echo host >$T/host; mkdir $W/repo/sub
		$D volume create -d local -o type=none -o o=bind -o device=$W work
		$D volume create -d local -o type=none -o o=bind -o device=$T temp
		$D create --name runner --network none -v $W:/w $IMAGE true`)
	defer s.onHost(t, w, `$D rm -f runner own heir kept; $D volume rm work temp`)
	w.must(`mkdir $T/sub; echo mine >$T/file; echo sub >$T/sub/file`)
	const run = `$D run --rm --network none `
	w.want(run+`-v work:/v $IMAGE cat /v/_temp/file`, "mine")
	w.want(run+`-v temp:/v $IMAGE cat /v/file`, "mine")
	w.want(run+`--volumes-from runner:ro $IMAGE cat /w/_temp/file`, "mine")
	if d.bin != "" { // API 1.45
		const sub = run + `--mount type=volume,source=work,target=/v,volume-subpath=`
		w.want(sub+`_temp/sub $IMAGE cat /v/file`, "sub")
		w.want(sub+`repo $IMAGE ls /v; ls $W/repo`, "repo\nsub\nrepo\nsub")
		w.want(sub+`repo/.. $IMAGE cat /v/_temp/file`, "mine")
		w.want(run+`--mount type=volume,source=temp,target=/v,volume-subpath=sub $IMAGE cat /v/file`, "sub")
	}

	const mounts = `$D inspect -f '{{range .Mounts}}{{.Source}} {{.Destination}}{{"\n"}}{{end}}' `
	w.must(`$D create --name own --network none -v $W:/w -v $T/sub:/s $IMAGE true; $D create --name heir --network none --volumes-from own $IMAGE true`)
	w.want(mounts+`heir | sort`, s.work+" /w\n"+s.temp+"/sub /s")
	for _, failing := range []string{
		`--mount type=bind,source=$T/none,target=/n $IMAGE true`, // dockerd says no
		`-v $T/file:/tmp $IMAGE true`,                            // runc does
	} {
		r := w.run("", run+failing)
		if r.code == 0 || !strings.Contains(r.out, s.temp+"/") || strings.Contains(r.out, ".worker-wrap") {
			t.Errorf("%s: %+v", failing, r)
		}
	}
	w.must(`$D create --name kept --network none -v $T/sub:/s $IMAGE true`)
	w.stop()
	w = s.start(t, true)
	w.want(mounts+`kept`, s.temp+"/sub /s")
	w.want(`$D ps -a --no-trunc --filter name=kept --format '{{.Mounts}}'`, s.temp+"/sub")
}
