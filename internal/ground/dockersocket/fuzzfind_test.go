package dockersocket

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzFind: what is found is a socket, at a path that is whole and written as it stands in the first DOCKER_HOST, if
// there is one; else one of the usual; and where there is none, one reason.
func FuzzFind(f *testing.F) {
	dir := f.TempDir()
	f.Chdir(dir)
	for _, name := range []string{"s", "docker.sock"} {
		l, err := net.Listen("unix", name)
		if err != nil {
			f.Fatal(err)
		}
		defer l.Close()
	}
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		f.Fatal(err)
	}
	// DIR stands for the folder.
	for _, seed := range []string{
		"DOCKER_HOST=unix://DIR/s", "DOCKER_HOST=unix://DIR/../DIR//./s", "DOCKER_HOST=unix://s", "DOCKER_HOST=unix://DIR/file", "DOCKER_HOST=unix://DIR/none", "DOCKER_HOST=tcp://127.0.0.1:2375",
		"DOCKER_HOST=unix:///", "DOCKER_HOST=unix://", "DOCKER_HOST=UNIX://DIR/s", "DOCKER_HOST=DIR/s", "DOCKER_HOST=\nDOCKER_HOST=unix://DIR/s", "DOCKER_HOST=unix://DIR/s\nDOCKER_HOST=", "DOCKER_HOST=unix://DIR/s\x00x",
		"XDG_RUNTIME_DIR=DIR", "XDG_RUNTIME_DIR=.", "XDG_RUNTIME_DIR=DIR/..\nXDG_RUNTIME_DIR=DIR", "DOCKER_HOST\n=\nXDOCKER_HOST=unix://DIR/s", "",
	} {
		f.Add(seed, os.Getuid())
	}
	f.Fuzz(func(t *testing.T, lines string, uid int) {
		env := strings.Split(strings.ReplaceAll(lines, "DIR", dir), "\n")
		path, why := Find(env, uid)
		if (path == "") == (why == "") {
			t.Fatalf("%q gives %q, and why not: %q", env, path, why)
		}
		first := func(name string) string {
			_, rest, _ := strings.Cut("\n"+strings.Join(env, "\n")+"\n", "\n"+name+"=")
			value, _, _ := strings.Cut(rest, "\n")
			return value
		}
		if path == "" {
			if host := first("DOCKER_HOST"); strings.HasPrefix(host, "unix://"+dir+"/") && connects(strings.TrimPrefix(host, "unix://")) || !strings.Contains(why, host) {
				t.Fatalf("%q: %s", env, why)
			}
			return
		}
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK || !filepath.IsAbs(path) {
			t.Fatalf("%q gives %q (%v)", env, path, err)
		}
		if host := first("DOCKER_HOST"); host != "" {
			if host != "unix://"+path {
				t.Fatalf("%q gives %q", env, path)
			}
			return
		}
		if path != "/var/run/docker.sock" && path != filepath.Join(first("XDG_RUNTIME_DIR"), "docker.sock") && !strings.HasPrefix(path, "/run/user/") {
			t.Fatalf("%q gives %q", env, path)
		}
	})
}

// connects reports whether somebody listens at a path.
func connects(path string) bool {
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	return err == nil && !strings.Contains(path, "\x00") // Go's net takes what is before it
}
