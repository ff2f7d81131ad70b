package starts_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestHardship starts on file systems and under limits that leave a start no room. It must say so in one line, with
// exit code 125, or start an isolated program; then, if the hardship is over, start again.
func TestHardship(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	for _, c := range []struct {
		name string
		// before makes the hardship, with $W the work folder's place, in a mount namespace of the test's own.
		before string
		// start is how the shim is started, with $T the _temp and $S the shim.
		start string
		after string // ends the hardship; empty where it cannot be ended
		code  int
		says  string
	}{
		{
			name:   "disk full",
			before: `mount -t tmpfs -o size=64k t "$W"; mkdir "$T"; dd if=/dev/zero of="$W/full" bs=4k 2>/dev/null || true`,
			after:  `rm "$W/full"`,
			says:   "", // an empty folder takes no block of a tmpfs, so this start works
		},
		{
			name:   "no inodes",
			before: `mount -t tmpfs -o nr_inodes=8 t "$W"; mkdir "$T"; i=0; while touch "$W/f$i" 2>/dev/null; do i=$((i+1)); done`,
			after:  `rm "$W"/f*`,
			code:   125, says: "no space left on device",
		},
		{
			name:   "read-only work folder",
			before: `mount -t tmpfs t "$W"; mkdir "$T"; mount -o remount,ro "$W"`,
			after:  `mount -o remount,rw "$W"`,
			code:   125, says: "read-only file system",
		},
		{
			name:   "read-only and no _temp",
			before: `mount -t tmpfs -o ro t "$W"`,
			start:  `exec "$S" --mkdir --temp "$T" -- sh -c "$P"`,
			after:  `mount -o remount,rw "$W"; mkdir "$T"`,
			code:   125, says: "read-only file system",
		},
		{
			name:   "overlay",
			before: `mount -t tmpfs t "$W"; mkdir "$W/low" "$W/up" "$W/tmp" "$W/low/_temp" "$W/merged"; echo old > "$W/low/_temp/old"; mount -t overlay -o "lowerdir=$W/low,upperdir=$W/up,workdir=$W/tmp" o "$W/merged"; mount --move "$W/merged" "$W" 2>/dev/null || mount --bind "$W/merged" "$W"`,
		},
		{
			name:   "_temp is a link to another file system",
			before: `mount -t tmpfs t "$W"; mkdir "$W/elsewhere"; mount -t tmpfs e "$W/elsewhere"; ln -s elsewhere "$T"`,
		},
		{
			name:   "_temp is a dangling link",
			before: `mount -t tmpfs t "$W"; ln -s nowhere "$T"`,
			code:   125, says: "_temp",
		},
		{
			name:   "few descriptors",
			before: `mkdir "$T"`, start: `ulimit -n 5; exec "$S" --temp "$T" -- sh -c "$P"`,
			code: 125, says: "too many open files",
		},
		{
			name:   "just enough descriptors",
			before: `mkdir "$T"`, start: `ulimit -n 16; exec "$S" --temp "$T" -- sh -c "$P"`,
		},
		{
			name:   "no more mount namespaces", // a limit that each user namespace has of its own
			before: `mkdir "$T"`,
			start:  `exec unshare --user --map-root-user --mount sh -c 'echo 0 >/proc/sys/user/max_mnt_namespaces && exec "$S" --temp "$T" -- sh -c "$P"'`,
			code:   125, says: "user.max_mnt_namespaces",
		},
		{
			name:   "no /proc",
			before: `mkdir "$T"; mount -t tmpfs t /proc`,
			after:  `umount /proc`,
			code:   125, says: "/proc",
		},
		{
			name:   "the clock is elsewhere",
			before: `mkdir "$T"; "$S" --temp "$T" -- true`, start: `exec unshare --fork --time --boottime 100000 "$S" --temp "$T" -- sh -c "$P"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			work := filepath.Join(testkit.Dir(t), "work")
			if err := os.Mkdir(work, 0o755); err != nil {
				t.Fatal(err)
			}
			start := c.start
			if start == "" {
				start = `exec "$S" --temp "$T" -- sh -c "$P"`
			}
			script := fmt.Sprintf(`
set -e
%s
set +e
( %s ) >out 2>err
echo "code $?"
cat out
sed 's/^/err /' err
ls -A "$T" 2>/dev/null | sed 's/^/host /'
%s
`, c.before, start, c.after)
			if c.code == 0 || c.after != "" {
				script += `"$S" --temp "$T" -- sh -c "$P" && echo again`
			}
			cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script)
			cmd.Dir = filepath.Dir(work)
			cmd.Env = append(os.Environ(), "W="+work, "T="+filepath.Join(work, "_temp"), "S="+binary, "WORKER_WRAP_DOCKER=off",
				`P=test -n "$WORKER_WRAP_HOST_TEMP" && : > "$T/of-the-job" && echo isolated`)
			out, err := cmd.CombinedOutput()
			text := string(out)
			if err != nil && !strings.Contains(text, "code ") {
				t.Fatalf("%v\n%s", err, text)
			}
			want := fmt.Sprintf("code %d\n", c.code)
			if !strings.HasPrefix(text, want) {
				t.Errorf("want %q first:\n%s", want, text)
			}
			if strings.Contains(text, "host of-the-job") {
				t.Errorf("the program ran in the host's _temp:\n%s", text)
			}
			if c.code == 0 && !strings.Contains(text, "\nisolated\n") {
				t.Errorf("the program did not run isolated:\n%s", text)
			}
			if c.code != 0 && (bytes.Count(out, []byte("err ")) != 1 || !strings.Contains(text, "err worker-wrap: ") || !strings.Contains(text, c.says)) {
				t.Errorf("want one line of worker-wrap's with %q:\n%s", c.says, text)
			}
			if (c.code == 0 || c.after != "") && !strings.HasSuffix(text, "isolated\nagain\n") {
				t.Errorf("when the hardship is over it does not start:\n%s", text)
			}
		})
	}
}
