package hostpath_test

import (
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
)

// steps are what the names of the two trees, their links and the paths asked for are made of.
var steps = [...]string{"..", "work", "_temp", "store", "repo", "sub", "l0", "l1", "l2", "l3", ".", "none"}

// spell turns bytes into a path of a few steps, and the bytes left over.
func spell(data []byte, most int) (string, []byte) {
	var out []string
	for len(data) > 0 && len(out) < most {
		b := data[0]
		data = data[1:]
		out = append(out, steps[int(b&0x7f)%len(steps)])
		if b&0x80 != 0 {
			break
		}
	}
	return strings.Join(out, "/"), data
}

// FuzzSource lets the kernel say where a path leads for a job, in a tree with the job's own _temp. It compares that
// with the translated path on the host, in a tree without. Both must be the same place.
func FuzzSource(f *testing.F) {
	// The path that is asked for; then each link's place, and where it leads.
	f.Add([]byte{1, 2, 0x85}, []byte{})
	f.Add([]byte{1, 2, 0x86}, []byte{0x12, 1, 2, 0x85})                                // /work/_temp/l0, which is /work/_temp/sub
	f.Add([]byte{1, 2, 6, 0x84}, []byte{0x02, 0x80})                                   // /work/_temp/l0/repo; l0 is ..
	f.Add([]byte{1, 4, 7, 0x86}, []byte{0x03, 0, 0, 0x82, 0x01, 0, 2, 0x85})           // repo/l1 into _temp/sub, from where l0 leads to work/_temp
	f.Add([]byte{1, 2, 6, 7, 0x85}, []byte{0x12, 1, 2, 0x8a, 0x12, 1, 2, 0x8a})        // links that lead to where they are
	f.Add([]byte{1, 6, 0x80}, []byte{0x10, 1, 2, 0x87, 0x12, 1, 4, 0x88, 0x11, 1, 83}) // through three
	f.Fuzz(func(t *testing.T, asked, links []byte) {
		root, err := filepath.EvalSymlinks(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		host, job := root+"/host", root+"/job"
		for _, dir := range []string{"/work/_temp/sub", "/work/store/sub", "/work/repo"} {
			for _, tree := range []string{host, job} {
				if err := os.MkdirAll(tree+dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		// Each link: its place, whether it is absolute, and where it leads. store is the job's own _temp.
		for n := 0; n < 4 && len(links) > 1; n++ {
			at := [...]string{"/work", "/work/repo", "/work/store", "/work/store/sub"}[links[0]&3]
			absolute := links[0]&0x10 != 0
			var target string
			target, links = spell(links[1:], 4)
			for _, tree := range []string{host, job} {
				to := target
				if absolute {
					to = tree + "/" + target
				}
				name := tree + at + "/l" + strconv.Itoa(n)
				_ = os.Symlink(to, name)
				if rel, ok := strings.CutPrefix(at, "/work/store"); ok && tree == job {
					_ = os.Symlink(to, job+"/work/_temp"+rel+"/l"+strconv.Itoa(n))
				}
			}
		}
		name, _ := spell(asked, 6)
		name = path.Clean("/" + name) // dockerd goes by the letters first, so it never leaves the tree
		meant, err := leadsTo(job + name)
		m := hostpath.New(hostpath.Redirect{Job: host + "/work/_temp", Host: host + "/work/store"})
		got := m.Source(host + name)
		if err != nil || !strings.HasPrefix(meant+"/", job+"/") {
			return // nowhere, in a circle, or out of the tree
		}
		want := host + strings.TrimPrefix(meant, job)
		if rel, ok := strings.CutPrefix(meant, job+"/work/_temp"); ok {
			want = host + "/work/store" + rel
		}
		if there, err := leadsTo(got.Host); err != nil || there != want {
			t.Fatalf("%s leads the job to %s; dockerd is given %s, which leads to %s (%v)", name, meant, got.Host, there, err)
		}
		if meant == job+"/work" && (len(got.Below) != 1 || got.Below[0].Rel != "_temp") {
			t.Fatalf("%s holds _temp, and %v is said to differ below it", name, got.Below)
		}
	})
}

// leadsTo asks the kernel.
func leadsTo(name string) (string, error) {
	fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
}
