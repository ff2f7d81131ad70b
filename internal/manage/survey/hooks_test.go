package survey

import (
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestHooks: a script that removes _temp is told from one that empties it.
func TestHooks(t *testing.T) {
	for line, want := range map[string]bool{
		`rm -rf "$RUNNER_TEMP"`:                      true,
		`rm -rf "${RUNNER_TEMP}" && mkdir -p x`:      true,
		`rm -fr $RUNNER_TEMP; mkdir "$RUNNER_TEMP"`:  true,
		`sudo rm -Rf /home/ci/_work/_temp`:           true,
		`rm -rf /home/ci/_work/*`:                    true,
		`rm -rf "$HOME/_work"/*`:                     true,
		`rm -rf "$RUNNER_TEMP"/*`:                    false,
		`rm -rf "${RUNNER_TEMP:?}"/*`:                false,
		`# rm -rf "$RUNNER_TEMP"`:                    false,
		`find "$RUNNER_TEMP" -mindepth 1 -delete`:    false,
		`rm -f "$RUNNER_TEMP"`:                       false,
		`rm -rf "$RUNNER_TEMPLATE"`:                  false,
		`rm -rf "$RUNNER_TEMP/cache"`:                false,
		`rm -rf /home/ci/_work/_temporary`:           false,
		`rm -rf "$GITHUB_WORKSPACE" "$RUNNER_TEMP"`:  true,
		`echo "$RUNNER_TEMP"; rm -rf "$GITHUB_HOME"`: false,
	} {
		path := filepath.Join(testkit.Files(t, map[string]string{"hook.sh": "#!/bin/bash\nset -e\n" + line + "\nexit 0\n"}), "hook.sh")
		if got := hooks(Assigned("", "ACTIONS_RUNNER_HOOK_JOB_STARTED="+path, "ACTIONS_RUNNER_HOOK_JOB_COMPLETED="+path)); (len(got) == 1) != want {
			t.Errorf("%s: %q, want %v", line, got, want)
		}
	}
}
