package left_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// TestEndOfEach: of two Workers at once whose keepers end what is left, each ends its own when its Worker ends, and nothing
// of the other's.
func TestEndOfEach(t *testing.T) {
	w := newWorld(t, "WORKER_WRAP_ISOLATE=alone\nWORKER_WRAP_LEFTOVERS=end\n")
	first, second := w.worker(t), w.worker(t)
	leave := func(job *testkit.Process, seconds int) int {
		return watch(t, job.Do(t, fmt.Sprintf("env -i setsid sleep %d >/dev/null 2>&1 </dev/null & echo $!", seconds)))
	}
	ofFirst, ofSecond := leave(first, 1031), leave(second, 1032)
	first.End()
	if !ends(t, ofFirst) {
		t.Error("what the first one has left lives")
	}
	third := w.worker(t)
	ofThird := leave(third, 1033)
	if ended(t, ofSecond) || second.Do(t, "echo here") != "here" {
		t.Error("the second one's process has ended with the first one")
	}
	second.End()
	if !ends(t, ofSecond) {
		t.Error("what the second one has left lives")
	}
	if ended(t, ofThird) {
		t.Error("the third one's process has ended with the second one")
	}
	third.End()
	if !ends(t, ofThird) {
		t.Error("what the third one has left lives")
	}
}

// forged is a command that writes a worker's record into a _diag: of the namespace of somebody else's process, which is to be
// ended.
func forged(t *testing.T, diag, worker string, victim int) string {
	t.Helper()
	ns, err := nsenter.MountNSAt("/proc/" + strconv.Itoa(victim) + "/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	self, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(left.Record{Worker: worker, Begun: time.Now(), Inode: ns.Inode, ID: ns.ID, Keeper: self.String(), End: true})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("echo '%s' >%s/%s%s", text, diag, left.Prefix, worker)
}

// TestAttackByJob: whatever a job does to records, root's gc ends nothing of root's services, nor of a living job of the same
// user.
func TestAttackByJob(t *testing.T) {
	w := newWorld(t, "WORKER_WRAP_ISOLATE=alone\nWORKER_WRAP_LEFTOVERS=list\n")
	diag := filepath.Join(w.root, "_diag")
	service, _ := apart(t)
	record := func(job *testkit.Process) string {
		t.Helper()
		names, err := filepath.Glob(fmt.Sprintf("%s/%s%d-*", diag, left.Prefix, job.Process.Pid))
		if err != nil || len(names) != 1 {
			t.Fatalf("%q, %v", names, err)
		}
		return names[0]
	}
	forge := func(victim int) string { return forged(t, diag, dead(t).String(), victim) }
	first, second := w.worker(t), w.worker(t)
	other := watch(t, second.Do(t, "env -i setsid sleep 1042 >/dev/null 2>&1 </dev/null & echo $!"))
	for _, attack := range []struct{ what, command string }{
		{
			"another text in its own sealed record",
			forged(t, diag, strings.TrimPrefix(filepath.Base(record(first)), left.Prefix), service.Process.Pid),
		},
		{"a record of a service's namespace", forge(service.Process.Pid)},
		{"a record of the other job's", forge(second.Process.Pid)},
		{"the other's sealed record by a dead Worker's name", "mv " + record(second) + " " + diag + "/" + left.Prefix + dead(t).String()},
	} {
		if said := second.Do(t, "{ "+attack.command+"; } 2>&1"); said != "" {
			t.Fatalf("%s: %s", attack.what, said)
		}
		if strings.Contains(attack.what, "its own") {
			first.End()
		}
		out := w.run(t, false, "gc", "--kill", "--runner-root", w.root)
		if strings.Contains(out, "ended process") || !lives(service.Process.Pid) || ended(t, other) || second.Do(t, "echo here") != "here" {
			t.Errorf("%s: %s", attack.what, out)
		}
	}
}

// TestAttackByAnotherUser: who has a runner too gets at nobody's records, and has root end nothing of another's,
// whatever their _diag is or holds.
func TestAttackByAnotherUser(t *testing.T) {
	w := newWorld(t, "WORKER_WRAP_ISOLATE=always\nWORKER_WRAP_LEFTOVERS=list\n")
	job := w.worker(t)
	victim := watch(t, job.Do(t, "env -i setsid sleep 1043 >/dev/null 2>&1 </dev/null & echo $!"))
	const uid = 61236
	dir := testkit.Dir(t)
	root, _ := testkit.Runner(t, dir, w.binary, "/bin/sh")
	testkit.Give(t, dir, uid)
	diag, theirs := filepath.Join(w.root, "_diag"), filepath.Join(root, "_diag")
	attack := func(command string) error {
		words := append(testkit.UserWords(strconv.Itoa(uid), strconv.Itoa(uid)), "sh", "-c", command)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		t.Logf("%s: %v, %s", command, err, out)
		return err
	}
	for _, command := range []string{forged(t, diag, dead(t).String(), job.Process.Pid), "rm -f " + diag + "/" + left.Prefix + "*", "mv " + diag + "/" + left.Prefix + "* " + dir, "ln " + diag + "/" + left.Prefix + "* " + theirs} {
		if attack(command) == nil {
			t.Errorf("another user may do %s", command)
		}
	}
	gc := func() {
		t.Helper()
		out := w.run(t, false, "gc", "--kill", "--runner-root", root)
		if strings.Contains(out, "ended process") || ended(t, victim) {
			t.Errorf("root's gc of the other user's runner: %s", out)
		}
	}
	must := func(command string) {
		t.Helper()
		if err := attack(command); err != nil {
			t.Fatal(err)
		}
	}
	must(forged(t, theirs, dead(t).String(), job.Process.Pid))
	gc()
	job.End()
	gc()
	must("rm -r " + theirs + " && ln -s " + diag + " " + theirs)
	out, _ := exec.Command(w.binary, "gc", "--kill", "--runner-root", root).CombinedOutput()
	if ended(t, victim) {
		t.Errorf("by a link: %s", out)
	}
	if out := w.run(t, false, "gc", "--kill", "--runner-root", w.root); !strings.Contains(out, "ended process") || !ends(t, victim) {
		t.Errorf("it lives, though its own runner's records are in place: %s", out)
	}
}
