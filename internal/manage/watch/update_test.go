package watch_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// runnerUser is who runs the runner: an ordinary user that every Debian has.
const runnerUser = 65534

// steps are what a self-update does, in its order, as shell functions that the runner's user runs in the
// runner's root: src/Runner.Listener/SelfUpdater.cs, src/Runner.Sdk/Util/IOUtil.cs (CopyDirectory) and
// src/Misc/layoutbin/update.sh.template of actions/runner 2.336.0. Each takes the current version and the next.
const steps = `set -eu
update=_work/_update
# DownloadLatestRunner
download() {
	rm -rf $update
	mkdir -p $update/bin/sub $update/externals/node20/bin
	for name in Runner.Listener Runner.Worker.dll runsvc.sh update.sh.template sub/file; do echo "$name of $2" >$update/bin/$name; done
	script='echo "'$2' $WORKER_WRAP_HOST_TEMP"'
	{ cat .host; printf "%s\\$(printf %03o ${#script})\\0\\0\\0" "$script"; } >$update/bin/Runner.Worker
	chmod 755 $update/bin/Runner.Worker
	echo node >$update/externals/node20/bin/node
	for name in run.sh config.sh safe_sleep.sh; do echo "$name of $2" >$update/$name; done
	touch -d '2026-01-01 00:00:00' $update/bin/*
}
# CopyDirectory: a file that is there and has another size or time is opened, links followed, and overwritten.
copy_dir() {
	mkdir -p "$2"
	for file in "$1"/*; do
		to=$2/${file##*/}
		if [ -d "$file" ]; then
			copy_dir "$file" "$to"
		elif [ ! -e "$to" ] || [ "$(stat -c '%s %Y' "$file")" != "$(stat -c '%s %Y' "$to")" ]; then
			cat "$file" >"$to"
			chmod --reference="$file" "$to"
			touch -r "$file" "$to"
		fi
	done
}
# CopyLatestRunnerToRoot
copy() {
	copy_dir $update/bin bin.$2
	copy_dir $update/externals externals.$2
	for file in $update/*.sh; do
		rm -f "${file##*/}"
		cp -p "$file" .
	done
}
# What a copy that was cut short leaves.
half_copy() {
	mkdir -p bin.$2
	cp $update/bin/Runner.Listener bin.$2/
	head -c 9 $update/bin/Runner.Worker >bin.$2/Runner.Worker
	chmod 755 bin.$2/Runner.Worker
}
# DeletePreviousVersionRunnerBackup
prune() {
	for dir in bin.* externals.*; do
		case $dir in
		*.$1 | *.$2) ;;
		*) [ ! -d "$dir" ] || rm -r "$dir" ;;
		esac
	done
}
# GenerateUpdateScript
script() {
	rm -f _work/_update.sh
	echo "update to $2" >_work/_update.sh
}
# update.sh, which the Listener has started
switch() {
	for name in bin externals; do
		if [ -L $name ] && [ -d $name ]; then
			rm $name
		else
			mv -f $name $name.$1
		fi
	done
	[ "${3-}" != fail ] || exit 1
	ln -s "$PWD/bin.$2" bin
	ln -s "$PWD/externals.$2" externals
	[ ! -f runsvc.sh ] || cat bin/runsvc.sh >runsvc.sh
	touch update.finished
}
`

// kept is a runner that a watch looks after.
type kept struct {
	root    standin.Root
	binary  string
	sum     [32]byte
	version string
	log     *bytes.Buffer
	watch   *exec.Cmd
}

func asUser(cmd *exec.Cmd) *exec.Cmd {
	return testkit.AsUser(cmd, runnerUser)
}

// keep makes a runner, never updated or before, with the shim, and starts a watch as its user.
func keep(t *testing.T, neverUpdated bool) *kept {
	t.Helper()
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	k := &kept{version: standin.Version, binary: filepath.Join(dir, "lib", "worker-wrap", "worker-wrap"), log: &bytes.Buffer{}}
	var err error
	if k.root, err = standin.MakeRoot(filepath.Join(dir, "a runner"), standin.RootOptions{Folder: neverUpdated}); err != nil {
		t.Fatal(err)
	}
	externals := filepath.Join(k.root.Dir, "externals")
	if !neverUpdated {
		if err := os.Symlink(externals+"."+k.version, externals); err != nil {
			t.Fatal(err)
		}
		externals += "." + k.version
	}
	for _, d := range []string{filepath.Dir(k.binary), externals, k.root.Temp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(testkit.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	k.sum = sha256.Sum256(data)
	worker, host := testkit.Host(t, `echo "`+k.version+` $WORKER_WRAP_HOST_TEMP"`), testkit.Host(t, "")
	for path, data := range map[string][]byte{
		k.binary: data, filepath.Join(k.root.Bin, standin.WorkerName): worker,
		filepath.Join(k.root.Dir, ".host"): host[:len(host)-4],
	} {
		if err := os.WriteFile(path, data, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.GiveCapability(t, k.binary)
	testkit.Give(t, k.root.Dir, runnerUser)
	k.watch = asUser(exec.Command(k.binary, "watch", "--runner-root", k.root.Dir))
	k.watch.Stderr = k.log
	if err := k.watch.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = k.watch.Process.Signal(syscall.SIGTERM)
		if err := k.watch.Wait(); err != nil {
			t.Errorf("the watch: %v\n%s", err, k.log)
		}
		if t.Failed() {
			t.Logf("the watch said:\n%s", k.log)
		}
	})
	testkit.Await(t, "the watch puts the shim in place", func() bool { return k.wrapped("bin") })
	return k
}

// do runs steps of an update to the version next, as the runner's user.
func (k *kept) do(t *testing.T, next string, names ...string) {
	t.Helper()
	for _, name := range names {
		cmd := asUser(exec.Command("bash", "-c", steps+name+` "$@"`+"\n", "update", k.version, next))
		if name == "switch fail" {
			cmd.Args[2] = steps + `switch "$1" "$2" fail` + "\n"
		}
		cmd.Dir = k.root.Dir
		out, err := cmd.CombinedOutput()
		if (err != nil) != (name == "switch fail") {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
}

// wrapped reports whether a bin folder of the runner has the shim.
func (k *kept) wrapped(bin string) bool {
	to, _ := program.EntryAt(filepath.Join(k.root.Dir, bin, standin.WorkerName))
	return to == k.binary
}

// job starts a job as a new Listener would, from the folder that bin leads to. It checks that it was one of this
// version, with a _temp of its own; and that the binary all runners share is whole.
func (k *kept) job(t *testing.T, version string) {
	t.Helper()
	bin, err := filepath.EvalSymlinks(filepath.Join(k.root.Dir, "bin"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := asUser(exec.Command(filepath.Join(bin, standin.WorkerName), "spawnclient", "160", "164"))
	cmd.Dir = bin
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), version+" "+filepath.Join(k.root.Dir, ".worker-wrap")+"/") {
		t.Errorf("a job of %s: %v: %s", version, err, out)
	}
	data, err := os.ReadFile(k.binary)
	if err != nil || sha256.Sum256(data) != k.sum {
		t.Errorf("the binary is not what it was: %v, %d bytes", err, len(data))
	}
	k.version = version
}

// update does a whole update.
func (k *kept) update(t *testing.T, next string) {
	t.Helper()
	k.do(t, next, "download", "copy")
	if k.wrapped("bin." + next) {
		t.Errorf("%s has the shim while it is copied", next)
	}
	k.job(t, k.version) // the old version's last
	k.do(t, next, "prune", "script")
	testkit.Await(t, "the next version has the shim before the switch", func() bool { return k.wrapped("bin." + next) })
	k.do(t, next, "switch")
	k.job(t, next)
}

// TestUpdates: two updates in a row, the first ever one among them. No job after them is without the shim.
func TestUpdates(t *testing.T) {
	for _, neverUpdated := range []bool{true, false} {
		t.Run(fmt.Sprintf("never updated %v", neverUpdated), func(t *testing.T) {
			k := keep(t, neverUpdated)
			k.update(t, "2.334.0")
			k.update(t, "2.335.1")
			if _, err := os.Stat(filepath.Join(k.root.Dir, "bin."+standin.Version)); err == nil {
				t.Error("the replay has not deleted the oldest version")
			}
		})
	}
}

// TestUpdatesThatFail: after each failure the runner goes on with what it has, the next attempt finds nothing of the
// shim's in its way. Jobs are wrapped throughout.
func TestUpdatesThatFail(t *testing.T) {
	const next = "2.334.0"
	for _, test := range []struct {
		name string
		fail func(*testing.T, *kept)
	}{
		{"in the download", func(t *testing.T, k *kept) { k.do(t, next, "download") }},
		{"in the copying", func(t *testing.T, k *kept) { k.do(t, next, "download", "half_copy") }},
		{"between the copying and the script", func(t *testing.T, k *kept) { k.do(t, next, "download", "copy", "prune") }},
		{"before the switch", func(t *testing.T, k *kept) {
			k.do(t, next, "download", "copy", "prune", "script")
			testkit.Await(t, "the next version has the shim", func() bool { return k.wrapped("bin." + next) })
		}},
		{"in the switch", func(t *testing.T, k *kept) {
			k.do(t, next, "download", "copy", "prune", "script", "switch fail")
			// The runner is down until its owner makes the link.
			k.do(t, k.version, ": ; ln -s bin.$1 bin; ln -s externals.$1 externals; :")
			testkit.Await(t, "what bin leads to has the shim", func() bool { return k.wrapped("bin") })
			testkit.Await(t, "the next version has it", func() bool { return k.wrapped("bin." + next) })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := keep(t, false)
			test.fail(t, k)
			k.job(t, k.version)
			k.do(t, next, "download")
			// A download takes longer than that.
			testkit.Await(t, "the next version is as the update left it", func() bool { return !k.wrapped("bin." + next) })
			k.update(t, next)
		})
	}
}

// TestPersonReplacesWorker: somebody unpacks a release over the runner, in one of the ways in which programs
// replace a file. What is removed first is missing for a while, and is not to be put back meanwhile.
func TestPersonReplacesWorker(t *testing.T) {
	testkit.RequireTool(t, "rsync", "rsync")
	// If to remove and to make takes half a second (install.Replacing), by a busy machine, it may have been put back.
	const again = `
		do [ $(($(now) - begun)) -ge 50 ] || exit 1; done`
	for name, how := range map[string]string{
		"removes and makes": "until begun=$(now) && cp --remove-destination _work/_update/bin/Runner.Worker bin/" + again,
		"renames over":      "cp -p _work/_update/bin/Runner.Worker bin/new; mv bin/new bin/Runner.Worker",
		"removes, and makes later": `cp -p _work/_update/bin/Runner.Worker bin/new
			until begun=$(now) && rm bin/Runner.Worker && sleep 0.2 && ln bin/new bin/Runner.Worker` + again + `
			rm bin/new`,
		// Nothing of worker-wrap's stays. New files may be given the numbers of those that are deleted.
		"deletes what it does not have": "mkdir new; cp -p _work/_update/bin/Runner.Worker new/; rsync -a --delete new/ bin/; rm -r new",
	} {
		t.Run(name, func(t *testing.T) {
			k := keep(t, false)
			k.do(t, "2.334.0", "download")
			k.do(t, k.version, ": ; now() { cut -d ' ' -f 1 /proc/uptime | tr -d .; }; "+how+"; rm -r _work/_update; :")
			testkit.Await(t, "the shim is in place", func() bool { return k.wrapped("bin") })
			k.job(t, "2.334.0")
		})
	}
}

// TestPersonRemovesWorker: what stays away is put back.
func TestPersonRemovesWorker(t *testing.T) {
	k := keep(t, false)
	k.do(t, k.version, "rm bin/Runner.Worker; :")
	testkit.Await(t, "the shim is in place", func() bool { return k.wrapped("bin") })
	k.job(t, k.version)
}

// TestWorkerOfAnotherUser: the runner's user can give no second name to what root unpacks, if the archive's owner is
// another. The watch takes it up all the same, and uninstall gives it back. If that is impossible, it is said why.
func TestWorkerOfAnotherUser(t *testing.T) {
	const strange = 61234
	k := keep(t, false)
	worker := filepath.Join(k.root.Bin, standin.WorkerName)
	unpack := func() {
		k.do(t, "2.334.0", "download")
		fresh := filepath.Join(k.root.Dir, "_work/_update/bin/Runner.Worker")
		if err := os.Chown(fresh, strange, strange); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(fresh, worker); err != nil {
			t.Fatal(err)
		}
		k.do(t, k.version, ": ; rm -r _work/_update; :")
	}
	unpack()
	testkit.Await(t, "the shim is in place", func() bool { return k.wrapped("bin") })
	k.job(t, "2.334.0")
	if out, err := asUser(exec.Command(k.binary, "uninstall", "--runner-root", k.root.Dir)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	st, err := os.Lstat(worker)
	if err != nil || st.Sys().(*syscall.Stat_t).Uid != strange {
		t.Errorf("uninstall has put another file in its place: %v, %v", st, err)
	}
	if err := errors.Join(os.Chown(k.root.Bin, 0, 0), os.Chmod(k.root.Bin, os.ModeSticky|0o777)); err != nil {
		t.Fatal(err)
	}
	out, err := asUser(exec.Command(k.binary, "install", "--bin-only", "--force", "--runner-root", k.root.Dir)).CombinedOutput()
	if want := "/bin." + standin.Version + "' is of UID 0, and not yours to change: sudo " + k.binary + " install --runner-root"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("in a folder of root's, sticky: %v: %s", err, out)
	}
}
