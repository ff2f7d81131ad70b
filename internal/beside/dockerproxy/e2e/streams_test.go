package e2e

import (
	"strings"
	"testing"
	"time"
)

// testStreams: what is not HTTP any more, and what is long.
func testStreams(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	if r := w.run("over the pipe\n", `$D run -i --rm --network none $IMAGE cat; exit 3`); r.out != "over the pipe" || r.code != 3 {
		t.Errorf("docker run -i: %+v", r)
	}
	w.must(`$D run -d --name stream --network none $IMAGE sh -c 'echo one; echo two >&2; while [ ! -e /stop ]; do sleep 0.05; done; echo three; exit 5'`)
	if r := w.run("exec\n", `$D exec -i stream sh -c 'cat; exit 9'`); r.out != "exec" || r.code != 9 {
		t.Errorf("docker exec -i: %+v", r)
	}
	w.want(`$D logs -f stream 2>/dev/null & $D exec stream sh -c ': >/stop'; wait`, "one\nthree")
	w.want(`$D wait stream; $D rm stream`, "5\nstream")
	w.want(`echo copied >$T/file; $D create --name copy --network none $IMAGE cat /file >/dev/null; $D cp -q $T/file copy:/file 2>/dev/null || $D cp $T/file copy:/file; $D start -a copy; $D cp copy:/file - | tar -xO; $D rm copy`, "copied\ncopied\ncopy")
	// Both directions at once, more than all buffers on the way hold.
	w.want(`head -c 20000000 /dev/zero | $D run -i --rm --network none $IMAGE cat | wc -c`, "20000000")
	w.want(`$D events --since 10s --until 1s >/dev/null; timeout 1 $D events >/dev/null || echo $?`, "124")
}

// testImages: save and load, and builds with both builders.
func testImages(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	w.must(`mkdir $T/context; cd $T/context; head -c 50000000 /dev/urandom >data; printf 'FROM '$IMAGE'\nCOPY data /data\nRUN wc -c /data >/size\nCMD cat /size\n' >Dockerfile`)
	defer w.run("", `$D rmi -f built kit loaded`)
	w.must(`$D build -q --network none -t built $T/context`)
	w.want(`$D run --rm --network none built`, "50000000 /data")
	before := w.must(`$D image inspect -f '{{.Id}}' built`)
	w.must(`$D save built >$T/saved; $D rmi -f built; $D load -q <$T/saved`)
	w.want(`$D image inspect -f '{{.Id}}' built; wc -c <$T/saved | sed 's/.......$//'`, before+"\n5")
	// BuildKit needs buildx, or a docker of before 23 that has it built in.
	r := w.run("", `for docker in $D /usr/bin/docker; do DOCKER_BUILDKIT=1 $docker build --network none -t kit $T/context >$T/log 2>&1 && exit 0; done; cat $T/log; exit 1`)
	if r.code != 0 && strings.Contains(r.out, "buildx") {
		t.Log("no client for BuildKit here but the SDK's")
		return
	}
	if r.code != 0 {
		t.Fatalf("BuildKit: %s", r.out)
	}
	w.want(`$D run --rm --network none kit; grep -q 'RUN wc' $T/log`, "50000000 /data")
}

// testRestart: a daemon that is restarted during a job. The socket is systemd's, as with all packages of
// Docker, and clients wait meanwhile.
func testRestart(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	w.must(`$D ps`)
	d.stop(t)
	waiting := make(chan result)
	go func() { waiting <- w.run("", `$D ps --format x`) }()
	time.Sleep(100 * time.Millisecond)
	d.start(t)
	if r := <-waiting; r.code != 0 || r.out != "" {
		t.Errorf("a client that waited: %+v", r)
	}
	w.must(`echo again >$T/file`)
	w.want(`$D run --rm --network none -v $T:/t $IMAGE cat /t/file`, "again")
}
