package e2e

import (
	"os"
	"strings"
	"testing"
)

// The runner's own commands (src/Runner.Worker/Container/DockerCommandManager.cs), with the test's socket in the place
// of /var/run/docker.sock. Their label has the form that a hash of .runner gives.
const (
	createJobContainer = `$D create --name $NAME --label 0a1b2c --workdir /__w/repo/repo --network none -e HOME=/github/home -e GITHUB_ACTIONS=true -e CI=true ` +
		`-v "$S":"/var/run/docker.sock" -v "$W":"/__w" -v "$W/_actions":"/__w/_actions":ro -v "$W/_temp":"/__w/_temp" -v "$W/_tool":"/__w/_tool" ` +
		`-v "$W/_temp/_github_home":"/github/home" -v "$W/_temp/_github_workflow":"/github/workflow" --entrypoint tail $IMAGE "-f" "/dev/null"`
	runContainerAction = `$D run --name $NAME --label 0a1b2c --workdir /github/workspace --rm --network none -e HOME -e GITHUB_OUTPUT=/github/file_commands/set_output_1 ` +
		`-v "$S":"/var/run/docker.sock" -v "$W/_temp":"/github/runner_temp" -v "$W/_temp/_github_home":"/github/home" ` +
		`-v "$W/_temp/_github_workflow":"/github/workflow" -v "$W/_temp/_runner_file_commands":"/github/file_commands" -v "$W/repo/repo":"/github/workspace" `
)

// prepare makes the files that a Worker makes for its job and steps.
func (w *worker) prepare(id string) {
	w.t.Helper()
	w.must(`mkdir $T/_github_home $T/_github_workflow $T/_runner_file_commands
		echo event-` + id + ` >$T/_github_workflow/event.json
		echo home-` + id + ` >$T/_github_home/id
		: >$T/_runner_file_commands/set_output_1`)
}

func testRunnerCommands(t *testing.T, d *daemon) {
	s := newSite(t, d)
	w := s.start(t, true)
	w.prepare("a")

	w.must(`NAME=job; ` + createJobContainer)
	w.must(`$D start job`)
	w.want(`$D exec -i job cat /github/workflow/event.json /github/home/id /__w/_temp/_github_workflow/event.json`, "event-a\nhome-a\nevent-a")
	w.must(`$D exec -i job sh -c 'echo from-job >/__w/_temp/from-job'`)
	w.want(`cat $T/from-job`, "from-job")
	w.must(`$D rm --force job`)

	r := w.run("", `NAME=action; `+runContainerAction+`--entrypoint sh $IMAGE -c 'cat /github/workflow/event.json; echo x=1 >>/github/file_commands/set_output_1; ls /github/runner_temp; exit 7'`)
	if r.code != 7 || !strings.HasPrefix(r.out, "event-a\n") || !strings.Contains(r.out, "_runner_file_commands") {
		t.Errorf("container action: %d, %q", r.code, r.out)
	}
	w.want(`cat $T/_runner_file_commands/set_output_1`, "x=1")
	if left, err := os.ReadDir(s.temp); err != nil || len(left) != 0 {
		t.Errorf("the host's _temp has %v (%v)", left, err)
	}
}

// testOverlap: of two Workers that are alive at once each one's containers see its own files; without
// the proxy they see the host's _temp, which is empty and the same for both.
func testOverlap(t *testing.T, d *daemon) {
	for _, proxy := range []bool{true, false} {
		s := newSite(t, d)
		a, b := s.start(t, proxy), s.start(t, proxy)
		a.prepare("a")
		b.prepare("b")
		action := func(w *worker, name string) string {
			return w.run("", `NAME=`+name+`; `+runContainerAction+`--entrypoint sh $IMAGE -c 'cat /github/workflow/event.json /github/home/id; echo `+name+` >>/github/file_commands/set_output_1'; cat $T/_runner_file_commands/set_output_1`).out
		}
		job := func(w *worker, name string) string {
			w.must(`NAME=` + name + `; ` + createJobContainer + ` && $D start ` + name)
			return w.run("", `$D exec `+name+` sh -c 'cat /github/workflow/event.json /__w/_temp/_github_home/id; echo `+name+` >>/__w/_temp/shared; cat /__w/_temp/shared'; $D rm -f `+name+` >/dev/null`).out
		}
		for _, c := range []struct{ got, want string }{
			{action(a, "action-a"), "event-a\nhome-a\naction-a"},
			{action(b, "action-b"), "event-b\nhome-b\naction-b"},
			{job(a, "job-a"), "event-a\nhome-a\njob-a"},
			{job(b, "job-b"), "event-b\nhome-b\njob-b"},
		} {
			if proxy && c.got != c.want {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
			if !proxy && c.got == c.want {
				t.Errorf("without the proxy it works too: %q", c.got)
			}
		}
		if !proxy {
			if shared, _ := os.ReadFile(s.temp + "/shared"); string(shared) != "job-a\njob-b\n" {
				t.Errorf("without the proxy the host's _temp has %q", shared)
			}
		}
	}
}
