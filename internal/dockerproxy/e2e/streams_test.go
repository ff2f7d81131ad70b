package e2e

import "testing"

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
	w.want(`($D logs -f stream 2>/dev/null & $D cp /dev/null stream:/stop >/dev/null 2>&1 || $D exec stream sh -c ': >/stop'; wait)`, "one\nthree")
	w.want(`$D wait stream; $D rm stream`, "5\nstream")
	w.must(`echo copied >$T/file; $D create --name copy --network none $IMAGE cat /file >/dev/null; $D cp $T/file copy:/file; $D start -a copy; $D cp copy:/file - | tar -xO; $D rm copy`)
}
