package dockersocket

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestContext: as docker resolves it, DOCKER_HOST before DOCKER_CONTEXT before the configuration's; and a socket of this
// machine is found by it.
func TestContext(t *testing.T) {
	home := testkit.Dir(t)
	socket := filepath.Join(home, "context.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for name, text := range map[string]string{
		"config.json": `{"auths":{},"currentContext":"rootless"}`,
		// As docker context create writes it; the folder's name is the SHA-256 of the context's.
		"contexts/meta/12b961af5feb3e9d39f93b2cefb9a1a944f18d02cca0cac2f04f5a982240605f/meta.json": fmt.Sprintf(`{"Name":"rootless","Metadata":{},"Endpoints":{"docker":{"Host":"unix://%s","SkipTLSVerify":false}}}`, socket),
		"contexts/meta/2/meta.json": `{"Name":"gone","Endpoints":{"docker":{"Host":"unix:///none/such"}}}`,
		"contexts/meta/3/meta.json": `{"Name":"tcp","Endpoints":{"docker":{"Host":"tcp://1.2.3.4:2376"}}}`,
		"none/config.json":          `{"currentContext":`,
		"default/config.json":       `{"currentContext":"default"}`,
	} {
		path := filepath.Join(home, ".docker", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	usual, _ := Find(nil, os.Getuid())
	config := "DOCKER_CONFIG=" + home + "/.docker"
	for _, c := range []struct {
		env               []string
		name, host, found string
	}{
		{[]string{"HOME=" + home}, "rootless", "unix://" + socket, socket},
		{[]string{config}, "rootless", "unix://" + socket, socket},
		{[]string{config, "DOCKER_HOST=tcp://x"}, "", "", ""},
		{[]string{config, "DOCKER_CONTEXT=far"}, "far", "", usual},
		{[]string{config, "DOCKER_CONTEXT=gone"}, "gone", "unix:///none/such", usual},
		{[]string{config, "DOCKER_CONTEXT=tcp"}, "tcp", "tcp://1.2.3.4:2376", usual},
		{[]string{config, "DOCKER_CONTEXT=default"}, "", "", usual},
		{[]string{config + "/none"}, "", "", usual},
		{[]string{config + "/default", "HOME=" + home}, "", "", usual},
		{[]string{config + "/nowhere"}, "", "", usual},
		{nil, "", "", usual},
	} {
		if name, host := Context(c.env); name != c.name || host != c.host {
			t.Errorf("%q: %q, %q", c.env, name, host)
		}
		if found, _ := Find(c.env, os.Getuid()); found != c.found {
			t.Errorf("%q: found %q, want %q", c.env, found, c.found)
		}
	}
}
