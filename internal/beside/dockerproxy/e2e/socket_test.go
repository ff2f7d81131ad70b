package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// testSocketInContainer: a container that is given the Docker socket, by itself or in a folder, gets one that reads
// paths as the job means them.
func testSocketInContainer(t *testing.T, d *daemon) {
	s := newSite(t, d)
	buildInside(t, s)
	w := s.start(t, true)
	w.must(`mkdir $T/sub`)
	for _, give := range []string{`-v $S:/var/run/docker.sock`, `-v $(dirname $S):/var/run`, `--mount type=bind,source=$S,target=/var/run/docker.sock,readonly`} {
		answer := w.must(`$D run --rm --network none ` + give + ` -v $W/inside:/inside $IMAGE /inside /var/run/docker.sock POST "/v1.41/containers/create?name=sibling" '{"Image":"'$IMAGE'","Cmd":["true"],"HostConfig":{"Binds":["'$T'/sub:/sub"]}}'`)
		if !strings.Contains(answer, `"Id":`) {
			t.Fatalf("%s: %s", give, answer)
		}
		if got, want := d.cli(t, "inspect", "-f", "{{range .Mounts}}{{.Source}}{{end}}", "sibling"), w.private+"/sub"; got != want {
			t.Errorf("%s: the sibling has %q, want %q; the answer was %s", give, got, want, answer)
		}
		d.cli(t, "rm", "sibling")
	}
}

// buildInside makes the client for containers in the work folder.
func buildInside(t *testing.T, s *site) {
	t.Helper()
	build := exec.Command("go", "build", "-o", filepath.Join(s.work, "inside"), "./inside")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// testContext: a context of the CLI's leads to the proxy as DOCKER_HOST does.
func testContext(t *testing.T, d *daemon) {
	s := newSite(t, d)
	s.context = true
	create := exec.Command(d.docker, "context", "create", "there", "--docker", "host=unix://"+d.socket)
	use := exec.Command(d.docker, "context", "use", "there")
	for _, cmd := range []*exec.Cmd{create, use} {
		cmd.Env = append(os.Environ(), "HOME="+s.work)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	w := s.start(t, true)
	w.must(`echo mine >$T/file`)
	w.want(`$D run --rm --network none -v $T:/t $IMAGE cat /t/file`, "mine")
}

// testUser: the runner's user is nobody special, and the shim has a file capability.
func testUser(t *testing.T, d *daemon) {
	const user = 61234
	s := newSite(t, d)
	s.user = &syscall.Credential{Uid: user, Gid: user}
	binary := filepath.Join(filepath.Dir(s.work), "worker-wrap")
	for _, args := range [][]string{
		{"cp", s.binary, binary},
		{"chown", "-R", "61234:61234", s.work},
		{"chown", "61234", d.socket}, // Linux lets a socket's owner in
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	testkit.GiveCapability(t, binary)
	defer func() {
		if err := os.Chown(d.socket, 0, 0); err != nil {
			t.Error(err)
		}
	}()
	s.binary = binary
	w := s.start(t, true)
	w.prepare("u")
	r := w.run("", `NAME=user; `+runContainerAction+`--user 61234 --entrypoint sh $IMAGE -c 'cat /github/workflow/event.json; echo x=1 >>/github/file_commands/set_output_1; exit 4'`)
	if r.code != 4 || r.out != "event-u" {
		t.Errorf("container action: %+v", r)
	}
	w.want(`cat $T/_runner_file_commands/set_output_1`, "x=1")
	status, err := os.ReadFile(filepath.Join("/proc", w.must(`pgrep -u 61234 -f "__docker-prox[y].*private=`+w.private+`"`), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"\nUid:\t61234\t61234\t61234\t61234\n", "\nCapPrm:\t0000000000000000\n", "\nCapEff:\t0000000000000000\n", "\nNoNewPrivs:\t1\n"} {
		if !strings.Contains(string(status), line) {
			t.Errorf("the proxy's status has no %q:\n%s", line, status)
		}
	}
}
