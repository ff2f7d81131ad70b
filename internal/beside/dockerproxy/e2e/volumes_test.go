package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// testVolumes: volumes and containers that others made lead a job's containers to its own _temp. The daemon's answers
// on changed ones, or on those of an earlier job, read as the job knows them.
func testVolumes(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	s.onHost(t, w, `echo host >$T/host; mkdir $W/repo/sub
		$D volume create -d local -o type=none -o o=bind -o device=$W work
		$D volume create -d local -o type=none -o o=bind -o device=$T temp
		$D create --name runner --network none -v $W:/w $IMAGE true`)
	defer s.onHost(t, w, `$D rm -f runner own heir kept; $D volume rm work temp left`)
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
	if r := w.run("", `$D create --name failed --network none -v $T/file:/tmp $IMAGE true; $D start failed`); r.code == 0 {
		t.Errorf("%+v", r)
	}
	for _, text := range []string{w.post("/containers/failed/wait", ""), w.must(`$D inspect -f '{{.State.Error}}' failed; $D rm failed >/dev/null`)} {
		if !strings.Contains(text, s.temp+"/file") || strings.Contains(text, ".worker-wrap") {
			t.Errorf("the state of a container that did not start: %s", text)
		}
	}
	w.must(`$D create --name kept --network none -v $T/sub:/s $IMAGE true
		$D volume create -d local -o type=none -o o=bind -o device=$T/sub left`)
	if d.bin != "" {
		w.want(`$D system df -v --format '{{json .}}' | grep -c worker-wrap/ || true`, "0")
	}
	w.stop()
	if out := s.onHost(t, w, run+`-v left:/v $IMAGE cat /v/file 2>&1 || true`); !strings.Contains(out, "no such file or directory") {
		t.Errorf("a job that is alone, and a volume of a private one: %s", out)
	}
	w = s.start(t, true)
	w.want(mounts+`kept`, s.temp+"/sub /s")
	w.want(`$D volume inspect -f '{{.Options.device}}' left`, s.temp+"/sub")
	w.want(`mkdir $T/sub; echo again >$T/sub/file; `+run+`-v left:/v $IMAGE cat /v/file`, "again")
	if answer := overHTTP10(t, w, "/containers/kept/json"); !strings.Contains(answer, `"`+s.temp+`/sub:/s"`) || strings.Contains(answer, w.s.work+"/.worker-wrap") {
		t.Errorf("by HTTP/1.0: %s", answer)
	}
	w.want(`$D ps -a --no-trunc --filter name=kept --format '{{.Mounts}}'`, s.temp+"/sub")
}

// testOlder: what old clients ask for, and daemons before API 1.46 still take.
func testOlder(t *testing.T, d *daemon) {
	api := d.cli(t, "version", "-f", "{{.Server.APIVersion}}")
	if api >= "1.46" {
		t.Logf("API %s has nothing of it", api)
		return
	}
	s := newSite(t, d)
	w := s.start(t, true)
	w.must(`echo mine >$T/file`)
	config := `{"Image":"` + image + `","Cmd":["cat","/t/file"]`
	host := `"NetworkMode":"none","Binds":["` + s.temp + `:/t"]}`
	w.post("/v1.24/containers/create?name=flat", config+`,`+host)
	w.want(`$D start -a flat; $D rm flat`, "mine\nflat")
	if d.bin != "" {
		return // it speaks 1.24 and later
	}
	w.post("/v1.23/containers/create?name=late", config+`}`)
	w.post("/v1.23/containers/late/start", `{`+host)
	w.want(`$D wait late; $D logs late; $D rm late`, "0\nmine\nlate")
}

// post asks the job's socket, and returns the answer.
func (w *worker) post(target, body string) string {
	w.t.Helper()
	client := clientOf(w.proxySocket())
	defer client.CloseIdleConnections()
	answer, err := client.Post("http://docker"+target, "application/json", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		w.t.Fatalf("POST %s: %s %s (%v)", target, answer.Status, text, err)
	}
	return string(text)
}

// overHTTP10 asks the job's socket as a client of HTTP/1.0 does, and returns what comes until the end.
func overHTTP10(t *testing.T, w *worker, target string) string {
	t.Helper()
	conn, err := net.Dial("unix", w.proxySocket())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET %s HTTP/1.0\r\n\r\n", target)
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

// testOwnContainer: the runner is in a container, whose work folder the daemon knows by another path. A container that
// takes over the runner's mounts sees the job's _temp.
func testOwnContainer(t *testing.T, d *daemon) {
	s := newSite(t, d)
	buildInside(t, s)
	if out, err := exec.Command("cp", s.binary, filepath.Join(s.work, "worker-wrap")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	defer d.cli(t, "rm", "-f", "runner-container", "taken")
	d.cli(t, "run", "--name", "runner-container", "--network", "none", "--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined", "-e", "DOCKER_HOST=unix:///var/run/docker.sock",
		"-v", d.socket+":/var/run/docker.sock", "-v", s.work+":/ci/_work", image, "/ci/_work/worker-wrap", "--temp", "/ci/_work/_temp", "--", "sh", "-ec", `
			echo mine >/ci/_work/_temp/file
			ask() { /ci/_work/inside /var/run/docker.sock "$@"; }
			ask POST "/v1.41/containers/create?name=taken" '{"Image":"`+image+`","Cmd":["sh","-c","cat /ci/_work/_temp/file >/ci/_work/seen"],"HostConfig":{"NetworkMode":"none","VolumesFrom":["'$(hostname)'"]}}'
			ask POST /v1.41/containers/taken/start ''
			ask POST /v1.41/containers/taken/wait ''`)
	if seen, err := os.ReadFile(filepath.Join(s.work, "seen")); string(seen) != "mine\n" {
		t.Errorf("the container saw %q (%v)", seen, err)
	}
}
