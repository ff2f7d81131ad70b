package starts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestImage builds the image of docs/image.md over a small one with a runner in it. Its user starts a Worker, with the
// right to isolate and without.
func TestImage(t *testing.T) {
	d := testkit.StartDockerd(t)
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "image.md"))
	do(t, err)
	_, recipe, begins := strings.Cut(string(page), "```Dockerfile\n")
	recipe, _, ends := strings.Cut(recipe, "```")
	from := regexp.MustCompile(`(?m)^FROM .*\n`)
	if !begins || !ends || !from.MatchString(recipe) {
		t.Fatalf("docs/image.md has no recipe: %s", page)
	}
	base := "FROM " + testkit.DockerImage + `
COPY rootfs /
RUN mkdir -p /usr/bin && /bin/busybox --install -s /bin && chown -R 1000:1000 /home/runner && printf '%s\n' root:x:0:0::/:/bin/sh runner:x:1000:1000::/:/bin/sh >/etc/passwd
`
	dir := testkit.Dir(t)
	root := filepath.Join(dir, "rootfs", "home", "runner")
	for path, text := range map[string]string{
		filepath.Join(dir, "Dockerfile"):         from.ReplaceAllString(recipe, base),
		filepath.Join(root, ".runner"):           `{"workFolder": "_work"}`,
		filepath.Join(root, "_work/_temp/x"):     "",
		filepath.Join(root, "_diag/x"):           "",
		filepath.Join(root, "bin/Runner.Worker"): "#!/bin/sh\necho \"real $WORKER_WRAP_HOST_TEMP\"\n",
	} {
		do(t, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755))
	}
	binary, err := os.ReadFile(testkit.Binary(t))
	do(t, err, os.WriteFile(filepath.Join(dir, "worker-wrap-amd64"), binary, 0o755))
	setcap := testkit.RequireTool(t, "setcap", "libcap2-bin")
	libraries, err := exec.Command("ldd", setcap).Output()
	do(t, err)
	for _, path := range append(regexp.MustCompile(`/\S+`).FindAllString(string(libraries), -1), setcap) {
		data, err := os.ReadFile(path)
		to := filepath.Join(dir, "rootfs", path)
		do(t, err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, data, 0o755))
	}
	build := d.Command("build", "--network=none", "-q", "-t", "wrapped:test", dir)
	build.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(args ...string) string {
		out, _ := d.Command(append([]string{"run", "--rm", "--network=none"}, args...)...).CombinedOutput()
		return string(out)
	}
	const worker = "/home/runner/bin/Runner.Worker"
	may := []string{"--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"}
	if out := run(append(may, "wrapped:test", worker)...); !strings.HasPrefix(out, "real /home/runner/.worker-wrap/") {
		t.Errorf("with the right to isolate: %q", out)
	}
	// Docker hands on stdout and stderr in either order.
	if out := run("-e", "WORKER_WRAP_FALLBACK=run", "wrapped:test", worker); !strings.Contains(out, "WITHOUT") || !strings.Contains("\n"+out, "\nreal /home/runner/_work/_temp\n") {
		t.Errorf("without: %q", out)
	}
	if out := run("wrapped:test", "/bin/sh", "-c", "test -L "+worker+" || echo no link"); !strings.Contains(out, "no link") {
		t.Errorf("who writes over it writes over the installed binary: %q", out)
	}
	doctor := []string{"worker-wrap", "doctor", "--runner-root", "/home/runner"}
	if out := run(append(append(may, "wrapped:test"), doctor...)...); !strings.Contains(out, "✓ trial ") || !strings.Contains(out, "cap_sys_admin of /usr/lib") {
		t.Errorf("doctor: %s", out)
	}
	// The installed binary is not in this image; doctor is another.
	lost := []string{"-v", testkit.Binary(t) + ":/doctor:ro", "--user", "0", "--entrypoint", "/bin/sh", "wrapped:test", "-c", "rm /usr/lib/worker-wrap/worker-wrap; exec /doctor doctor --runner-root /home/runner"}
	if out := run(lost...); !strings.Contains(out, "✗ shim ") || !strings.Contains(out, "is not there") || !strings.Contains(out, "sudo /doctor install --runner-root /home/runner") {
		t.Errorf("doctor, without the binary: %s", out)
	}
}
