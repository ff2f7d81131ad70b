package dockersocket

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestFind(t *testing.T) {
	dir := testkit.Dir(t)
	file, rootless := filepath.Join(dir, "file"), filepath.Join(dir, "docker.sock")
	socket := filepath.Join(dir, "socket")
	for _, path := range []string{socket, rootless} {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		env  []string
		want string
	}{
		{[]string{"DOCKER_HOST=unix://" + socket}, socket},
		{[]string{"DOCKER_HOST=unix://" + socket, "DOCKER_HOST=tcp://1.2.3.4"}, socket},
		{[]string{"DOCKER_HOST=tcp://127.0.0.1:2375"}, ""},
		{[]string{"DOCKER_HOST=ssh://me@there"}, ""},
		{[]string{"DOCKER_HOST=unix://relative"}, ""},
		{[]string{"DOCKER_HOST=unix://" + file}, ""},
		{[]string{"DOCKER_HOST=unix:///none/such"}, ""},
	} {
		path, why := Find(x.env, os.Getuid())
		if path != x.want || (path == "") != (why != "") {
			t.Errorf("%q: %q, %q; want %q", x.env, path, why, x.want)
		}
	}
	want := rootless
	if usable(Default) == nil {
		want = Default
	}
	if path, _ := Find([]string{"XDG_RUNTIME_DIR=" + dir}, os.Getuid()); path != want {
		t.Errorf("without DOCKER_HOST: %q, want %q", path, want)
	}
}
