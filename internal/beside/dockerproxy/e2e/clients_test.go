package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
	mobycontainer "github.com/moby/moby/api/types/container"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/wait"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// proxySocket is where the host finds the socket that the Worker has in the place of the Docker socket.
func (w *worker) proxySocket() string { return w.private + ".docker.sock" }

// testSDK uses the Go SDK as a program in a job would.
func testSDK(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	w.must(`echo file >$T/file; mkdir $T/vol; echo vol >$T/vol/file`)
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	c, err := client.NewClientWithOpts(client.WithHost("unix://"+w.proxySocket()), client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	messages, _ := c.Events(ctx, events.ListOptions{})

	v, err := c.VolumeCreate(ctx, volume.CreateOptions{Name: "sdk", Driver: "local", DriverOpts: map[string]string{"type": "none", "o": "bind", "device": s.temp + "/vol"}})
	ok(err)
	if v.Options["device"] != s.temp+"/vol" {
		t.Errorf("the volume is shown with %v", v.Options)
	}
	created, err := c.ContainerCreate(ctx,
		&container.Config{Image: image, Cmd: []string{"sh", "-c", "cat /b/file /m/file /v/file /w/_temp/file; cat"}, OpenStdin: true, StdinOnce: true, AttachStdin: true},
		&container.HostConfig{
			NetworkMode: "none", Binds: []string{s.temp + ":/b:ro", "sdk:/v"},
			Mounts: []mount.Mount{{Type: mount.TypeBind, Source: s.temp, Target: "/m"}, {Type: mount.TypeBind, Source: s.work, Target: "/w"}},
		}, nil, nil, "sdk")
	ok(err)
	attached, err := c.ContainerAttach(ctx, created.ID, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	ok(err)
	defer attached.Close()
	ended, failed := c.ContainerWait(ctx, created.ID, container.WaitConditionNextExit)
	ok(c.ContainerStart(ctx, created.ID, container.StartOptions{}))
	_, err = io.WriteString(attached.Conn, "typed\n")
	ok(err)
	ok(attached.CloseWrite())
	var out bytes.Buffer
	_, err = stdcopy.StdCopy(&out, &out, attached.Reader)
	ok(err)
	if want := "file\nfile\nvol\nfile\ntyped\n"; out.String() != want {
		t.Errorf("attached: %q, want %q", out.String(), want)
	}
	select {
	case e := <-ended:
		if e.StatusCode != 0 {
			t.Errorf("exit code %d", e.StatusCode)
		}
	case err := <-failed:
		t.Fatal(err)
	}
	shown, err := c.ContainerInspect(ctx, created.ID)
	ok(err)
	if len(shown.HostConfig.Binds) != 2 || shown.HostConfig.Binds[0] != s.temp+":/b:ro" || len(shown.HostConfig.Mounts) != 2 || shown.HostConfig.Mounts[0].Source != s.temp || len(shown.Mounts) != 4 {
		t.Errorf("shown as %v %v %v", shown.HostConfig.Binds, shown.HostConfig.Mounts, shown.Mounts)
	}
	logs, err := c.ContainerLogs(ctx, created.ID, container.LogsOptions{ShowStdout: true, Follow: true})
	ok(err)
	text, err := io.ReadAll(logs)
	logs.Close()
	if err != nil || !bytes.Contains(text, []byte("typed\n")) {
		t.Errorf("logs %q, %v", text, err)
	}
	ok(c.ContainerRemove(ctx, created.ID, container.RemoveOptions{Force: true}))
	ok(c.VolumeRemove(ctx, "sdk", true))
	for {
		select {
		case m := <-messages:
			if m.Action == events.ActionDestroy {
				return
			}
		case <-ctx.Done():
			t.Fatal("no event of the container's end")
		}
	}
}

// testServices uses a swarm of one, whose services have mounts in another form.
func testServices(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	newClient := func(socket string) *client.Client {
		c, err := client.NewClientWithOpts(client.WithHost("unix://"+socket), client.WithAPIVersionNegotiation())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	c, bare := newClient(w.proxySocket()), newClient(s.socket)
	if _, err := c.SwarmInit(ctx, swarm.InitRequest{ListenAddr: "127.0.0.1:23771", AdvertiseAddr: "127.0.0.1:23771", DataPathAddr: "127.0.0.1", DataPathPort: 23772}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.SwarmLeave(ctx, true); err != nil {
			t.Error(err)
		}
	}()
	zero := uint64(0)
	spec := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: "service"},
		Mode:        swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &zero}},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: image, Mounts: []mount.Mount{
			{Type: mount.TypeBind, Source: s.temp + "/x", Target: "/x"}, {Type: mount.TypeBind, Source: s.work, Target: "/w"},
		}}},
	}
	created, err := c.ServiceCreate(ctx, spec, swarm.ServiceCreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	mountsOf := func(c *client.Client) string {
		service, _, err := c.ServiceInspectWithRaw(ctx, created.ID, swarm.ServiceInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(service.Spec.TaskTemplate.ContainerSpec.Mounts)
		return string(text)
	}
	want, _ := json.Marshal(spec.TaskTemplate.ContainerSpec.Mounts)
	if got := mountsOf(c); got != string(want) {
		t.Errorf("the job is shown %s, want %s", got, want)
	}
	if got := mountsOf(bare); !strings.Contains(got, `"`+w.private+`/x"`) || !strings.Contains(got, `"`+w.private+`","Target":"/w/_temp"`) {
		t.Errorf("the daemon has %s", got)
	}
	service, _, err := c.ServiceInspectWithRaw(ctx, created.ID, swarm.ServiceInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	spec.TaskTemplate.ContainerSpec.Mounts[0].Source = s.temp + "/y"
	if _, err := c.ServiceUpdate(ctx, created.ID, service.Version, spec, swarm.ServiceUpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := mountsOf(bare); !strings.Contains(got, `"`+w.private+`/y"`) {
		t.Errorf("the daemon has %s", got)
	}
	testTask(ctx, t, s, w, c)
}

// testTask: the container of a service's task, and the task, are shown with the job's paths.
func testTask(ctx context.Context, t *testing.T, s *site, w *worker, c *client.Client) {
	w.must(`mkdir $T/task; echo task >$T/task/file; [ -d $T/y ] || mkdir $T/y`)
	// dockerd leaves the host's network namespace mounted.
	t.Cleanup(func() { _ = unix.Unmount(s.dir+"/exec/netns/default", unix.MNT_DETACH) })
	one := uint64(1)
	_, err := c.ServiceCreate(ctx, swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: "running"},
		Mode:        swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &one}},
		TaskTemplate: swarm.TaskSpec{
			Networks: []swarm.NetworkAttachmentConfig{{Target: "host"}},
			ContainerSpec: &swarm.ContainerSpec{
				Image: image, Command: []string{"sh", "-c", "cp /t/file /t/seen; exec tail -f /dev/null"}, StopSignal: "KILL",
				Mounts: []mount.Mount{{Type: mount.TypeBind, Source: s.temp + "/task", Target: "/t"}, {Type: mount.TypeBind, Source: s.work, Target: "/w"}},
			},
		},
	}, swarm.ServiceCreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// The task's command may have ended its copy before dockerd lists its container as one that runs.
	const name = `$($D ps -q --no-trunc --filter label=com.docker.swarm.service.name=running)`
	w.must(`for i in $(seq 3000); do [ ! -s $T/task/seen ] || [ -z "` + name + `" ] || break; sleep 0.1; done; cat $T/task/seen`)
	w.want(`$D inspect -f '{{range .Mounts}}{{.Source}} {{.Destination}}{{"\n"}}{{end}}' `+name+` | sort`, s.work+" /w\n"+s.temp+"/task /t")
	if text := w.must(`$D inspect $($D service ps -q running) ` + name); !strings.Contains(text, `"`+s.temp+`/task"`) || strings.Contains(text, ".worker-wrap") {
		t.Errorf("the task is shown as %s", text)
	}
}

// testcontainersVar has a _temp for [TestTestcontainersClient].
const testcontainersVar = "WORKER_WRAP_TEST_TESTCONTAINERS"

// testTestcontainers uses Testcontainers for Go, in a process of its own, as it looks for the daemon once. Its reaper is
// off: the image of that is not to be had here.
func testTestcontainers(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	w.must(`echo from-temp >$T/file`)
	client := exec.Command("/proc/self/exe", "-test.run=^TestTestcontainersClient$")
	client.Env = append(os.Environ(), "DOCKER_HOST=unix://"+w.proxySocket(), "TESTCONTAINERS_RYUK_DISABLED=true", testcontainersVar+"="+s.temp)
	if out, err := client.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w.want(`cat $T/copied`, "copied")
}

// TestTestcontainersClient is the process that [testTestcontainers] starts.
func TestTestcontainersClient(t *testing.T) {
	temp := os.Getenv(testcontainersVar)
	if temp == "" {
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	c, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{
		Started: true,
		ContainerRequest: testcontainers.ContainerRequest{
			Image: image, Cmd: []string{"sh", "-c", "cat /t/file; echo ready; sleep 100"}, WaitingFor: wait.ForLog("ready"),
			HostConfigModifier: func(h *mobycontainer.HostConfig) { h.Binds = []string{temp + ":/t"}; h.NetworkMode = "none" },
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := testcontainers.TerminateContainer(c, testcontainers.StopTimeout(0)); err != nil {
			t.Error(err)
		}
	}()
	code, out, err := c.Exec(ctx, []string{"cat", "/t/file"}, tcexec.Multiplexed())
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(out); err != nil || code != 0 || string(text) != "from-temp\n" {
		t.Errorf("exec: %d %q %v", code, text, err)
	}
	if err := c.CopyToContainer(ctx, []byte("copied"), "/t/copied", 0o644); err != nil {
		t.Fatal(err)
	}
}

func testCompose(t *testing.T, d *daemon) {
	s := newSite(t, d)
	if err := os.Symlink(filepath.Join(testkit.NewerDocker(t), "usr/bin/docker-compose"), filepath.Join(s.work, "docker-compose")); err != nil {
		t.Fatal(err)
	}
	w := s.start(t, true)
	w.must(`mkdir $T/project $T/project/data; cd $T/project; echo data >data/file; echo vol >$T/file
		cat >compose.yaml <<-END
		services:
		  reader:
		    image: $IMAGE
		    network_mode: none
		    command: ["sh", "-c", "cat /data/file /vol/file /work/_temp/file; echo out >/data/out"]
		    volumes:
		      - ./data:/data
		      - vol:/vol
		      - type: bind
		        source: $W
		        target: /work
		        read_only: true
		volumes:
		  vol:
		    driver: local
		    driver_opts: {type: none, o: bind, device: $T}
		END`)
	r := w.run("", `cd $T/project; $W/docker-compose up --no-color --no-log-prefix --exit-code-from reader; $W/docker-compose ps -a`)
	if r.code != 0 || !strings.Contains(strings.ReplaceAll(r.out, "\x1b[2K", ""), "data\nvol\nvol\n") { // some versions clear lines
		t.Errorf("up: %+v", r)
	}
	w.want(`cat $T/project/data/out`, "out")
	if out := w.must(`cd $T/project; $W/docker-compose up -d 2>&1; $W/docker-compose down -v 2>&1`); strings.Contains(out, "Recreate") {
		t.Errorf("a second up sees changes that nobody made:\n%s", out)
	}
}
