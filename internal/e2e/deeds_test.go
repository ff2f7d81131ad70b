package e2e_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// deed is what a job does that can tell a mount, a namespace or a proxy.
type deed struct {
	name, script string
	byRoot       bool
	known        bool // its user is in the machine's list of users, and may use sudo
	docker       bool
	compose      bool
	jobs         int // of the one Listener, one after the other; 0 for one
	// place returns the folder that is the work folder in the view that the runner has, beside a dockerd in the host's.
	// "" stands for a tmpfs.
	place func(t *testing.T, work string, d *testkit.Dockerd) string
}

var deeds = []deed{
	{name: "nothing"},
	{name: "a hook makes _temp anew", script: `rm -rf "$RUNNER_TEMP" && mkdir "$RUNNER_TEMP" && echo done`},
	{name: "a hook empties the work folder", script: `rm -rf "$work"/*; echo $?; mkdir "$RUNNER_TEMP"`},
	{name: "the work folder is moved away and back", script: `mv "$work" "$work.away" && mv "$work.away" "$work"; echo $?`},
	{name: "files are moved and linked out of _temp", script: `
		echo x >"$RUNNER_TEMP/file"; mkdir "$RUNNER_TEMP/folder"
		ln "$RUNNER_TEMP/file" "$work/linked"; echo $?
		mv "$RUNNER_TEMP/file" "$work/moved"; echo $?
		perl -e 'rename "$ENV{RUNNER_TEMP}/folder", "$ENV{GITHUB_WORKSPACE}/folder" or print "$!\n"'`},
	{name: "_temp is exchanged for a link", script: `mkdir "$work/elsewhere" && rmdir "$RUNNER_TEMP/_github_home" && mv "$RUNNER_TEMP" "$work/old" && ln -s elsewhere "$RUNNER_TEMP"; echo $?`},
	{name: "it mounts", byRoot: true, script: `
		mkdir "$RUNNER_TEMP/mounted" && mount -t tmpfs job "$RUNNER_TEMP/mounted" && : >"$RUNNER_TEMP/mounted/file"; echo $?
		nsenter --mount=/proc/1/ns/mnt ls "$RUNNER_TEMP" | wc -l
		grep -c "$RUNNER_TEMP" /proc/self/mountinfo; umount "$RUNNER_TEMP/mounted"; echo $?`},
	{name: "docker", byRoot: true, docker: true, script: `
		echo x >"$RUNNER_TEMP/file"
		d="docker -H unix://$SOCKET"
		$d run --rm --network none -v "$RUNNER_TEMP:/t" -v "$SOCKET:/var/run/docker.sock" ` + testkit.DockerImage + ` sh -c 'cat /t/file; echo y >/t/made; ls -l /var/run/docker.sock | wc -l'; echo $?
		$d run --rm --network none -v /:/host ` + testkit.DockerImage + ` cat "/host$RUNNER_TEMP/made"; echo $?
		$d run -d --restart always --name stays --network none -v "$RUNNER_TEMP:/t" -v "$SOCKET:/var/run/docker.sock" ` + testkit.DockerImage + ` sleep 1000 | wc -c
		$d inspect -f '{{json .HostConfig.RestartPolicy}}{{range .Mounts}}{{"\n"}}{{.Source}} {{.Destination}} {{.Mode}}{{end}}' stays | sort # dockerd has them in any order
		$d exec stays ls /t | sort; $d rm -f stays; $d context ls | wc -l`},
	{name: "Compose", byRoot: true, docker: true, compose: true, script: `
		export DOCKER_HOST=unix://$SOCKET; cd "$RUNNER_TEMP"; echo x >file
		echo 'services: {one: {image: "` + testkit.DockerImage + `", network_mode: none, volumes: ["./:/t"], command: [sh, -c, "cat /t/file; echo y >/t/made"]}}' >compose.yaml
		"$COMPOSE" -p one up >log 2>&1; echo $?; grep -c 'one-1.*| x' log; rm log; cat made; ls -ln made | cut -c -24
		"$COMPOSE" -p one down >/dev/null 2>&1; echo $?`},
	{
		name: "docker, in a container with the work folder at the same path", byRoot: true, docker: true, script: run("docker -H unix://$SOCKET"),
		place: func(t *testing.T, work string, d *testkit.Dockerd) string { return work },
	},
	{
		name: "docker, in a container with it at another path", byRoot: true, docker: true, script: run("docker -H unix://$SOCKET"),
		place: func(t *testing.T, work string, _ *testkit.Dockerd) string {
			elsewhere := filepath.Join(work, "../../elsewhere")
			if err := os.MkdirAll(elsewhere, 0o755); err != nil {
				t.Fatal(err)
			}
			return elsewhere
		},
	},
	{
		name: "docker, in a container with it in a volume", byRoot: true, docker: true, script: run("docker -H unix://$SOCKET"),
		place: func(t *testing.T, work string, d *testkit.Dockerd) string {
			create, inspect := d.Command("volume", "create", "work"), d.Command("volume", "inspect", "-f", "{{.Mountpoint}}", "work")
			err := create.Run()
			path, ierr := inspect.Output()
			if err = errors.Join(err, ierr); err != nil {
				t.Fatal(err)
			}
			return strings.TrimSpace(string(path))
		},
	},
	{
		name: "docker, in a container that alone has it", byRoot: true, docker: true, script: run("docker -H unix://$SOCKET"),
		place: func(t *testing.T, work string, d *testkit.Dockerd) string { return "" },
	},
	{name: "docker by TCP", docker: true, script: run("docker -H $TCP")},
	{name: "docker by sudo", known: true, docker: true, script: `sudo -n true; echo $?` + run("sudo -n docker -H unix://$SOCKET")},
	// The first job's Podman leaves a process that keeps its namespaces for the next.
	{name: "rootless Podman in one job after the other", known: true, jobs: 2, script: `
		export HOME=$OWN XDG_RUNTIME_DIR=$OWN
		podman() { command podman --runtime runc --cgroup-manager cgroupfs --root "$OWN/root" --runroot "$OWN/run" --storage-driver vfs --events-backend none "$@" 2>>"$OWN/log"; }
		if [ -e "$OWN/root" ]; then last=1; else tar -C /bin -c busybox | podman import - localhost/one >>"$OWN/log"; fi
		echo x >"$RUNNER_TEMP/file"
		podman run --rm --network none -v "$RUNNER_TEMP:/t" localhost/one /busybox sh -c '/busybox cat /t/file; echo y >/t/made'; echo $?
		cat "$RUNNER_TEMP/made"
		[ -z "$last" ] || { podman unshare rm -rf "$OWN/root"; kill -9 "$(cat "$OWN/libpod/tmp/pause.pid")"; rm -rf "$OWN"/*; echo $?; }`},
}

// run is what a job does with a container by this command.
func run(docker string) string {
	return `
		echo x >"$RUNNER_TEMP/file"
		` + docker + ` run --rm --network none -v "$RUNNER_TEMP:/t" ` + testkit.DockerImage + ` sh -c 'cat /t/file; echo y >/t/made'; echo $?
		cat "$RUNNER_TEMP/made"; ls -ln "$RUNNER_TEMP/made" | cut -c -24
		` + docker + ` run --rm --network none -v /:/host ` + testkit.DockerImage + ` cat "/host$RUNNER_TEMP/made"; echo $?
`
}

// apart calls f on a thread that has a mount namespace of its own, as a runner in a container has one.
func apart(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good
		err := unix.Unshare(unix.CLONE_NEWNS)
		if err == nil {
			err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
		}
		if err != nil {
			t.Error(err)
			return
		}
		f()
	}()
	<-done
}

// enter has this thread see the work folder of a runner as the deed says, empty at first. leave takes that back.
func (d deed) enter(t *testing.T, root standin.Root, dockerd *testkit.Dockerd) (leave func() error) {
	t.Helper()
	if d.place == nil {
		return func() error { return nil }
	}
	from, kind, flags := d.place(t, root.Work, dockerd), "", uintptr(unix.MS_BIND)
	if from == "" {
		from, kind, flags = "work", "tmpfs", 0
	}
	if err := errors.Join(unix.Mount(from, root.Work, kind, flags, ""), os.MkdirAll(root.Temp, 0o755)); err != nil {
		t.Fatal(err)
	}
	return func() error {
		files, err := filepath.Glob(root.Work + "/*")
		for _, path := range files {
			err = errors.Join(err, os.RemoveAll(path))
		}
		return errors.Join(err, unix.Unmount(root.Work, unix.MNT_DETACH))
	}
}
