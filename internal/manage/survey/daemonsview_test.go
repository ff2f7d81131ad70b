package survey

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDaemonsPath: the daemon that has started this container says where its mounts come from.
func TestDaemonsPath(t *testing.T) {
	id := strings.Repeat("0a", 32)
	socket := filepath.Join(testkit.Dir(t), "docker.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			request := make([]byte, 4096)
			n, _ := conn.Read(request)
			answer := "HTTP/1.0 404 Not Found\r\n\r\n{}"
			if strings.HasPrefix(string(request[:n]), "GET /containers/"+id+"/json HTTP/1.0\r\n") {
				answer = "HTTP/1.0 200 OK\r\n\r\n" + `{"Mounts":[{"Source":"/srv/r","Destination":"/home/runner"},{"Source":"/data/w","Destination":"/home/runner/_work"},{"Source":"/same","Destination":"/same"}]}`
			}
			_, _ = conn.Write([]byte(answer))
			conn.Close()
		}
	}()
	mounts := "700 1 8:1 /var/lib/docker/containers/" + id + "/hostname /etc/hostname rw - ext4 /dev/a rw\n"
	s := System{Root: testkit.Files(t, map[string]string{"proc/self/mountinfo": mounts})}
	for path, want := range map[string]string{"/home/runner/_work": "/data/w", "/home/runner/x": "/srv/r/x", "/same/_work": "/same/_work", "/opt/r/_work": ""} {
		if got, told := s.daemonsPath(socket, path); got != want || !told {
			t.Errorf("%s: %q, %v", path, got, told)
		}
	}
	for what, s := range map[string]System{
		"no container":     {Root: testkit.Files(t, map[string]string{"proc/self/mountinfo": "1 1 8:1 / / rw - ext4 /dev/a rw\n"})},
		"another daemon's": {Root: testkit.Files(t, map[string]string{"proc/self/mountinfo": strings.ReplaceAll(mounts, "0a", "1a")})},
	} {
		if got, told := s.daemonsPath(socket, "/x"); got != "" || told {
			t.Errorf("%s: %q, %v", what, got, told)
		}
	}
}
