package main

import (
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
	dir   string   // the working directory
	uid   int      // the user it runs as
}

// ordinary is the user that has no right but the file capability of the binary.
const ordinary = 65534

// makePeers lays out a runner of its own for each peer below scratch and gives the peers, the bare
// command first and the floor second. Peers that are not installed are left out and named.
func makePeers(o options, scratch string) (peers []peer, missing []string, err error) {
	temp := func(name string) (string, error) {
		dir := filepath.Join(scratch, name, "_work", "_temp")
		return dir, os.MkdirAll(dir, 0o755)
	}
	add := func(p peer) {
		if o.only == "" || p.Name == "bare" || p.Name == "floor" || slices.Contains(strings.Split(o.only, ","), p.Name) {
			peers = append(peers, p)
		}
	}
	command := filepath.Join(scratch, "command")
	if err := copyFile(o.bare, command); err != nil {
		return nil, nil, err
	}
	add(peer{Name: "bare", argv: []string{command}, dir: scratch})

	floorTemp, err := temp("floor")
	if err != nil {
		return nil, nil, err
	}
	dirs := filepath.Join(scratch, "floor", "dirs")
	if err := os.Mkdir(dirs, 0o755); err != nil {
		return nil, nil, err
	}
	add(peer{
		Name: "floor", Label: "the floor, in C", dir: scratch,
		argv: []string{o.floor, floorTemp, dirs, command},
	})
	add(peer{Name: "go", Label: "Go, which only execs", dir: scratch, argv: []string{o.goexec, command}})

	for _, as := range []struct {
		name, label string
		uid         int
	}{{"way1", "worker-wrap", 0}, {"way1-user", "", ordinary}} {
		worker, err := makeRunner(filepath.Join(scratch, as.name), o.binary, command, as.uid)
		if err != nil {
			return nil, nil, err
		}
		add(peer{
			Name: as.name, Label: as.label, dir: filepath.Dir(worker), uid: as.uid,
			argv: []string{worker, "spawnclient", "160", "164"},
		})
	}
	way2Temp, err := temp("way2")
	if err != nil {
		return nil, nil, err
	}
	add(peer{
		Name: "way2", dir: scratch,
		argv: []string{o.binary, "--temp", way2Temp, "--", command},
	})

	over, err := temp("bwrap")
	if err != nil {
		return nil, nil, err
	}
	under := filepath.Join(scratch, "bwrap", "dir")
	if err := os.Mkdir(under, 0o755); err != nil {
		return nil, nil, err
	}
	if path, err := exec.LookPath("bwrap"); err != nil {
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
	return peers, missing, nil
}

// makeRunner lays out what worker-wrap finds at a runner: .runner, _work/_temp, bin/Runner.Worker as a
// link to the binary and the command as the real Worker. An ordinary user gets a binary of his own,
// with the capability that an installation gives it. It returns the path of Runner.Worker.
func makeRunner(root, binary, command string, uid int) (string, error) {
	bin := filepath.Join(root, "bin")
	for _, dir := range []string{bin, filepath.Join(root, "_work", "_temp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
	}
	if err := os.WriteFile(filepath.Join(root, ".runner"), []byte("\ufeff{\"workFolder\": \"_work\"}\n"), 0o644); err != nil {
		return "", err
	}
	if uid != 0 {
		shim := filepath.Join(filepath.Dir(root), "worker-wrap-capable")
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
