package doctor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/trial"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const nobody = 65534

// place copies worker-wrap to a place of its own, with these capabilities, "" for none.
func place(t *testing.T, caps string) string {
	t.Helper()
	path := filepath.Join(testkit.Dir(t), "worker-wrap")
	data, err := os.ReadFile(testkit.Binary(t))
	if err == nil {
		err = os.WriteFile(path, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if caps != "" {
		if out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), caps, path).CombinedOutput(); err != nil {
			t.Fatalf("setcap: %v: %s", err, out)
		}
	}
	return path
}

// TestTry: a start is tried in the runner's own work folder, through its binary, and what was there before is there after.
func TestTry(t *testing.T) {
	testkit.RequireRoot(t)
	root := newRunner(t)
	layout, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	closed := newRunner(t)
	if err := os.Chown(filepath.Join(closed, "_work", "_temp"), 61234, 61234); err != nil {
		t.Fatal(err)
	}
	other, err := runner.FromRoot(closed)
	if err != nil {
		t.Fatal(err)
	}
	home := testkit.Dir(t)
	for _, name := range []string{"own", "roots", "open/in", "closed"} {
		if err := os.MkdirAll(filepath.Join(home, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chown(filepath.Join(home, "own"), nobody, nobody), os.Chown(filepath.Join(home, "open"), nobody, nobody), os.Chown(filepath.Join(home, "open", "in"), nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	private := func(places string, more ...string) []string {
		return append(more, "HOME="+home, "WORKER_WRAP_PRIVATE="+places)
	}
	unread := newRunner(t)
	if err := os.WriteFile(filepath.Join(unread, settings.RunnerFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closedSettings, err := runner.FromRoot(unread)
	if err != nil {
		t.Fatal(err)
	}
	capable, powerless := place(t, program.FileCapability), place(t, "")
	for _, test := range []struct {
		name string
		p    trial.Places
		want checks.Level
		what string
	}{
		{"root", trial.Places{Layout: layout, Binary: powerless}, checks.OK, "a process of them was started through " + powerless + " in " + layout.Work},
		{"capability", trial.Places{Layout: layout, Binary: capable, UID: nobody}, checks.OK, "not to be seen from outside"},
		{"user namespace", trial.Places{Layout: layout, Binary: powerless, UID: nobody, Env: []string{"WORKER_WRAP_USERNS=1"}}, checks.OK, "its _temp was its own"},
		// Else a refusal would be run, and its reason not be said.
		{"no capability", trial.Places{Layout: layout, Binary: powerless, UID: nobody, Env: []string{"WORKER_WRAP_FALLBACK=run", "WORKER_WRAP_ISOLATE=alone"}}, checks.Fail, "it needs root, or a file capability"},
		{"no binary", trial.Places{Layout: layout, Binary: "/nonexistent/worker-wrap", UID: nobody}, checks.Fail, "no such file"},
		{"another's _temp", trial.Places{Layout: other, Binary: capable, UID: nobody}, checks.Fail, "belongs to uid 61234"},
		{"a place of its own", trial.Places{Layout: layout, Binary: capable, UID: nobody, Env: private("~/own:~/open/new/er")}, checks.OK, "its _temp was its own"},
		{"a place of its own, in a user namespace", trial.Places{Layout: layout, Binary: powerless, UID: nobody, Env: private("~/own=copy", "WORKER_WRAP_USERNS=1")}, checks.OK, "its _temp was its own"},
		{"root's", trial.Places{Layout: layout, Binary: capable, UID: nobody, Env: private("~/own:~/roots")}, checks.Fail, "roots belongs to uid 0 and you are uid 65534: sudo chown -R 65534 " + home + "/roots"},
		{"root's, in a user namespace", trial.Places{Layout: layout, Binary: powerless, UID: nobody, Env: private("~/roots", "WORKER_WRAP_USERNS=1")}, checks.Fail, "roots belongs to uid 0 and you are uid 65534"},
		{"one that cannot be made", trial.Places{Layout: layout, Binary: capable, UID: nobody, Env: private("~/closed/new/er")}, checks.Fail, "new/er is not there, and cannot be made: "},
		{"two in one", trial.Places{Layout: layout, Binary: capable, UID: nobody, Env: private("~/open:~/open/in")}, checks.Fail, "open hold one another"},
		{"the runner's", trial.Places{Layout: layout, Binary: capable, UID: nobody, Env: private(root + "/new")}, checks.Fail, "new lies in the runner"},
		{"closed settings", trial.Places{Layout: closedSettings, Binary: capable, UID: nobody}, checks.Fail, "sudo chmod a+r " + unread + "/.worker-wrap.env"},
		{"a setting", trial.Places{Layout: layout, Binary: capable, UID: nobody, Env: []string{"WORKER_WRAP_WAIT=x"}}, checks.Fail, "WORKER_WRAP_WAIT="},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := outcome(test.p, test.p.Try(), "them", "jobs share one _temp", "")
			if len(got) != 1 || got[0].Level != test.want || !strings.Contains(got[0].What, test.what) {
				t.Errorf("%+v, want %s %q", got, test.want, test.what)
			}
			if _, err := os.Stat(filepath.Join(home, "open", "new")); err == nil {
				t.Error("the trial has made what only a job's start makes")
			}
			left, err := filepath.Glob(filepath.Join(test.p.Layout.Work, "*"))
			hidden, herr := filepath.Glob(filepath.Join(test.p.Layout.Work, ".*"))
			if want := []string{test.p.Layout.Temp}; errors.Join(err, herr) != nil || !slices.Equal(append(left, hidden...), want) {
				t.Errorf("left behind: %q, %q", left, hidden)
			}
		})
	}
}

// TestJudge: what a trial has shown goes before what was read, if it was made where a job's start is made.
func TestJudge(t *testing.T) {
	read := []checks.Result{
		{Check: "no_new_privs", Level: checks.Fail, OfUnit: true},
		{Check: "no_new_privs", Level: checks.Fail},
		{Check: "last start", Level: checks.Fail},
		{Check: "docker", Level: checks.Warn},
		{Check: "settings", Level: checks.Fail},
	}
	owns := []checks.Result{{Check: "private", Level: checks.OK}}
	well := []checks.Result{{Check: "trial", Level: checks.OK}, {Check: "docker", Level: checks.Fail}}
	for _, test := range []struct {
		name    string
		tried   []checks.Result
		inPlace bool
		want    string
	}{
		{"well", well, true, "no_new_privs problem, last start warning, docker warning, settings problem, trial ok"},
		{"well, elsewhere", well, false, "no_new_privs problem, no_new_privs problem, last start problem, docker warning, settings problem, trial ok"},
		{"no place of its own", []checks.Result{{Check: "trial", Level: checks.Fail, What: "WORKER_WRAP_PRIVATE: /x is a file"}}, true, "trial problem"},
		{"places of its own", well, true, "private ok, trial ok, docker problem"},
		{"refused", []checks.Result{{Check: "trial", Level: checks.Fail}}, true, "no_new_privs problem, no_new_privs problem, last start problem, docker warning, settings problem, trial problem"},
	} {
		r := RunnerReport{Results: slices.Clone(read)}
		if strings.Contains(test.name, "own") {
			r.Results = slices.Clone(owns)
		}
		r.judge(slices.Clone(test.tried), test.inPlace)
		var got []string
		for _, res := range r.Results {
			got = append(got, res.Check+" "+string(res.Level))
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: %s\nwant %s", test.name, strings.Join(got, ", "), test.want)
		}
	}
}

// TestRootTriesNothingOfOthers: root starts no program that its runner's user, or somebody else, has put there.
func TestRootTriesNothingOfOthers(t *testing.T) {
	testkit.RequireRoot(t)
	mark := filepath.Join(testkit.Dir(t), "mark")
	theirs := filepath.Join(testkit.Dir(t), "script")
	if err := os.Chmod(filepath.Dir(mark), 0o777); err != nil { // as whoever it is started
		t.Fatal(err)
	}
	if err := os.WriteFile(theirs, []byte("#!/bin/sh\nid -u >"+mark+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for what, own := range map[string]func() error{
		"file": func() error { return os.Chown(theirs, nobody, nobody) },
		"folder": func() error {
			return errors.Join(os.Chown(theirs, 0, 0), os.Chown(filepath.Dir(theirs), nobody, nobody))
		},
	} {
		if err := own(); err != nil {
			t.Fatal(err)
		}
		for _, uid := range []int{0, nobody, 61234} {
			f := checks.Facts{Runners: []checks.Runner{{Runner: survey.Runner{UID: uid, User: "somebody"}, Shim: program.BinaryAt(theirs)}}}
			report := Report{Runners: []RunnerReport{{}}}
			report.TryAll(f, "/nonexistent")
			results := report.Runners[0].Results
			if len(results) != 1 || results[0].Level != checks.Warn || !strings.Contains(results[0].What, "not tried: "+filepath.Dir(theirs)) {
				t.Errorf("%s, as uid %d: %+v", what, uid, results)
			}
			if data, err := os.ReadFile(mark); err == nil {
				t.Fatalf("%s, as uid %d: it was started as %s", what, uid, data)
			}
		}
	}
}

func TestTryNeedsRootForOthers(t *testing.T) {
	if os.Getuid() == 0 {
		cmd := testkit.AsUser(exec.Command(copyOf(t), "-test.run=^"+t.Name()+"$", "-test.v"), nobody)
		cmd.Dir = "/"
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("as nobody: %v\n%s", err, out)
		}
		return
	}
	r := Report{Runners: []RunnerReport{{}}}
	r.TryAll(checks.Facts{Runners: []checks.Runner{{Runner: survey.Runner{User: "root"}, Shim: program.Binary{Path: "/bin/true"}}}}, "/bin/true")
	if got := r.Runners[0].Results; len(got) != 1 || got[0].Level != checks.Warn || !strings.Contains(got[0].What, "only root can") {
		t.Errorf("%+v", got)
	}
}

// copyOf puts this test binary where every user can run it.
func copyOf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(testkit.Dir(t), "test")
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(path, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTryIfNeeded: status tries where reading does not tell. Nothing is tried with less than what the Listener has.
func TestTryIfNeeded(t *testing.T) {
	last := func(level checks.Level) checks.Result { return checks.Result{Check: "last start", Level: level} }
	for _, test := range []struct {
		name    string
		results []checks.Result
		profile string
		want    bool
	}{
		{"well", []checks.Result{last(checks.OK)}, "", false},
		{"refused", []checks.Result{last(checks.Warn)}, "", true},
		{"unisolated", []checks.Result{{Check: "shim"}, last(checks.Fail)}, "", true},
		{"unisolated, and why", []checks.Result{{Check: "privilege", Level: checks.Fail}, last(checks.Fail)}, "", false},
		{"a profile", []checks.Result{last(checks.OK)}, "docker-default (enforce)", true},
		{"a profile that only tells", []checks.Result{last(checks.OK)}, "docker-default (complain)", false},
		{"a profile that allows all", []checks.Result{last(checks.OK)}, "unconfined (enforce)", false},
	} {
		r := Report{Runners: []RunnerReport{{Results: test.results}}}
		f := checks.Facts{Runners: []checks.Runner{{Runner: survey.Runner{User: "them", UID: -1}, Shim: program.Binary{Path: "/shim"}}}}
		f.Machine.Self.AppArmor = test.profile
		r.TryIfNeeded(f, "")
		if got := len(r.Runners[0].Results) > len(test.results); got != test.want {
			t.Errorf("%s: %+v", test.name, r.Runners[0].Results)
		}
	}
	of := &checks.Runner{Runner: survey.Runner{User: "them", UID: os.Getuid() + 1, Listener: &survey.Process{PID: 7}}}
	_, untried := trialOf(of, survey.Process{NoNewPrivs: true})
	if os.Getuid() == 0 && (untried == nil || untried.Level != checks.Warn || !strings.Contains(untried.What, "the Listener (PID 7) does not")) {
		t.Errorf("%+v", untried)
	}
}
