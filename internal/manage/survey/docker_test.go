package survey

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDocker: what a start would find counts, with the Listener's groups, or without one the user's. The runner's .env
// goes before the Listener's environment.
func TestDocker(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	socket := func(name string, uid, gid int) string {
		path := filepath.Join(dir, name)
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		for _, err := range []error{os.Chown(path, uid, gid), os.Chmod(path, 0o660)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	const uid, gid = 61234, 61235
	own, others := socket("own", uid, uid), socket("others", 0, gid)
	host := func(path string) string { return "DOCKER_HOST=unix://" + path }
	in := &Process{UID: uid, GID: uid, Groups: []int{7, gid}}
	for _, c := range []struct {
		name                     string
		env                      []string
		listener                 *Process
		socket, missing, refused string
	}{
		{"own", []string{host(own)}, nil, own, "", ""},
		{"not of the group", []string{host(others)}, nil, "", "permission denied", ""},
		{"the Listener is of the group", []string{host(others)}, in, others, "", "neither at a usual place"},
		{"the Listener is older than the group", []string{host(others)}, &Process{UID: uid, GID: uid}, "", "permission denied", ""},
		{"no socket", []string{host(dir)}, nil, "", "non-socket", ""},
	} {
		d := System{Root: dir}.docker(&Runner{UID: uid, Variables: Assigned("", c.env...), Listener: c.listener})
		if d.Socket != c.socket || !strings.Contains(d.Missing, c.missing) || (d.Missing == "") != (c.missing == "") ||
			!strings.Contains(d.Refused, c.refused) || (d.Refused == "") != (c.refused == "") || d.Unknown != "" || d.Context != "" {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	if d := (System{Root: dir}).docker(&Runner{User: "ci", UID: -1, Variables: Assigned("", host(own))}); d.Unknown != "this machine knows no user ci" {
		t.Errorf("of an unknown user: %+v", d)
	}
}
