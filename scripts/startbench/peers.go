package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// peer is one way to start the command.
type peer struct {
	Name  string   // as in -only and in the table
	Label string   // as in the picture; not drawn if empty
	argv  []string // argv[0] is the program's path
	env   []string
	dir   string // the working directory
	uid   int    // the user it runs as
}

// ordinary is the user that has no right but the file capability of the binary.
const ordinary = 65534

// What a runner's Listener has in its environment.
const (
	isolateAlone   = "WORKER_WRAP_ISOLATE=alone"
	isolateOverlap = "WORKER_WRAP_ISOLATE=overlap" // the nearest that an older build has
)

// ways are those by which a runner's Worker is started.
var ways = []struct {
	name, label string
	env         []string
	uid         int
	old         bool // by the older build
	beside      bool // another Worker is in the plain _temp
	docker      bool // there is a Docker socket
}{
	{name: "alone", label: "worker-wrap, alone", env: []string{isolateAlone}},
	{name: "alone-user", env: []string{isolateAlone}, uid: ordinary},
	{name: "alone-docker", env: []string{isolateAlone}, docker: true},
	{name: "private", label: "worker-wrap, private", env: []string{isolateAlone}, beside: true},
	{name: "private-docker", env: []string{isolateAlone}, beside: true, docker: true},
	{name: "private-old", env: []string{isolateOverlap}, beside: true, old: true},
	{name: "always"},
	{name: "always-user", uid: ordinary},
	{name: "always-docker", docker: true},
	{name: "always-old", old: true},
	{name: "always-old-docker", old: true, docker: true},
}

// makePeers lays out a runner of its own for each peer below scratch and gives the peers, the bare
// command first and the floor second. Peers that are not installed are left out and named.
func makePeers(o options, scratch string, h *holders) (peers []peer, missing []string, err error) {
	wanted := func(name string) bool { return o.only == "" || slices.Contains(strings.Split(o.only, ","), name) }
	add := func(p peer) {
		if p.Name == "bare" || p.Name == "floor" || wanted(p.Name) {
			p.env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, p.env...)
			peers = append(peers, p)
		}
	}
	folder := func(path ...string) string {
		dir := filepath.Join(append([]string{scratch}, path...)...)
		err = errors.Join(err, os.MkdirAll(dir, 0o755))
		return dir
	}
	temp := func(name string) string { return folder(name, "_work", "_temp") }
	command := filepath.Join(scratch, "command")
	err = copyFile(o.bare, command)
	add(peer{Name: "bare", argv: []string{command}, dir: scratch})
	add(peer{
		Name: "floor", Label: "the floor, in C", dir: scratch,
		argv: []string{o.floor, temp("floor"), folder("floor", "dirs"), command},
	})
	add(peer{Name: "go", Label: "Go, which only execs", dir: scratch, argv: []string{o.goexec, command}})
	if err != nil {
		return nil, nil, err
	}
	for _, way := range ways {
		binary := o.binary
		if way.old {
			binary = o.old
		}
		if !wanted(way.name) {
			continue
		}
		if binary == "" {
			missing = append(missing, way.name)
			continue
		}
		worker, err := makeRunner(filepath.Join(scratch, way.name), binary, command, way.uid)
		if err != nil {
			return nil, nil, err
		}
		env := way.env
		if way.docker {
			env = append([]string{"DOCKER_HOST=unix://" + h.socket}, env...)
		}
		add(peer{
			Name: way.name, Label: way.label, dir: filepath.Dir(worker), uid: way.uid, env: env,
			argv: []string{worker, "spawnclient", "160", "164"},
		})
		if way.beside {
			if err := h.hold(worker, way.env, way.uid); err != nil {
				return nil, nil, err
			}
		}
	}
	for name, binary := range map[string]string{"temp": o.binary, "temp-old": o.old} {
		if binary == "" {
			missing = append(missing, name)
			continue
		}
		add(peer{Name: name, dir: scratch, argv: []string{binary, "--temp", temp(name), "--", command}})
	}

	over, under := temp("bwrap"), folder("bwrap", "dir")
	if path, err := exec.LookPath(o.bwrap); err != nil {
		missing = append(missing, "bwrap")
	} else {
		add(peer{
			Name: "bwrap", Label: "bwrap", dir: scratch,
			argv: []string{path, "--dev-bind", "/", "/", "--bind", under, over, command},
		})
	}
	if path, err := exec.LookPath("unshare"); err != nil {
		missing = append(missing, "unshare")
	} else {
		add(peer{
			Name: "unshare+sh", Label: "unshare -m sh", dir: scratch,
			argv: []string{path, "-m", "sh", "-c", `mount --bind "$1" "$2" && exec "$3"`, "sh", under, over, command},
		})
	}
	return peers, missing, err
}

// makeRunner lays out what worker-wrap finds at a runner: .runner, _work/_temp, bin/Runner.Worker as a link to the
// binary and the command as the real Worker. An ordinary user gets their own binary, with the capability that an
// installation gives it. It returns the path of Runner.Worker.
func makeRunner(root, binary, command string, uid int) (string, error) {
	bin := filepath.Join(root, "bin")
	for _, dir := range []string{bin, filepath.Join(root, "_work", "_temp"), filepath.Join(root, "_diag")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(root, ".runner"), []byte("\ufeff{\"workFolder\": \"_work\"}\n"), 0o644); err != nil {
		return "", err
	}
	if uid != 0 {
		shim := filepath.Join(filepath.Dir(root), filepath.Base(root)+".capable")
		if err := copyFile(binary, shim); err != nil {
			return "", err
		}
		if out, err := exec.Command("setcap", "cap_sys_admin=p", shim).CombinedOutput(); err != nil {
			return "", fmt.Errorf("setcap: %w: %s", err, out)
		}
		binary = shim
	}
	worker := filepath.Join(bin, "Runner.Worker")
	if err := os.Symlink(binary, worker); err != nil {
		return "", err
	}
	if err := copyFile(command, worker+".real"); err != nil {
		return "", err
	}
	return worker, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
