package starts_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// load is one way to start Workers, and how many of them.
type load struct {
	name     string
	settings []string
	byRoot   bool // not by an ordinary user
	bare     bool // without the file capability
	docker   bool // with a Docker socket, so that each has a proxy
	atOnce   int
	inARow   int
	full     [2]int // the same two under fullLoadVar
}

var loads = []load{
	{name: "root", byRoot: true, atOnce: 80, inARow: 1000, full: [2]int{200, 10_000}},
	{name: "ordinary user", atOnce: 40, inARow: 100, full: [2]int{40, 1000}},
	{name: "docker", docker: true, atOnce: 40, inARow: 100, full: [2]int{40, 400}},
	{name: "userns", settings: []string{"USERNS=1"}, bare: true, atOnce: 40, inARow: 100, full: [2]int{40, 400}},
	{name: "userns and docker", settings: []string{"USERNS=1"}, bare: true, docker: true, atOnce: 20, inARow: 50, full: [2]int{20, 200}},
}

// fullLoadVar, when it is set, makes the load tests use their full numbers, which take some seven minutes on two
// processors: WORKER_WRAP_TEST_FULL_LOAD=1 scripts/test load.
const fullLoadVar = "WORKER_WRAP_TEST_FULL_LOAD"

func (l load) numbers() (atOnce, inARow int) {
	if os.Getenv(fullLoadVar) != "" {
		return l.full[0], l.full[1]
	}
	return l.atOnce, l.inARow
}

// ground is a runner for a load, on a file system of its own, so that its use can be told to the block. It has
// processes that live as long as the load and longer, and what all of them had before.
type ground struct {
	load
	scratch
	shim    string
	mounts  string
	disk    string
	workers []int // the long-living ones, which are no load
	long    []longLived
	use     func() // makes the long-living proxy work, nil where there is none
}

// longLived is a process that is there before and after the load.
type longLived struct {
	name       string
	pid        int
	descriptor int
	memory     int // KiB resident
}

// ground makes the runner. Every process that its Workers leave becomes a child of the test's, so that none is missed.
func (l load) ground(t *testing.T) *ground {
	t.Helper()
	testkit.RequireRoot(t)
	adopt(t)
	g := &ground{load: l, shim: l.install(t)}
	dir := testkit.Dir(t)
	if err := unix.Mount("load", dir, "tmpfs", 0, "mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// EBUSY: something is left in it, as the socket of the long-living Worker's proxy is for a moment.
		eventually(t, func() error { return unix.Unmount(dir, 0) })
	})
	g.scratch = ordinaryIn(t, dir, g.shim)
	if l.byRoot {
		g.toRoot(t)
	}
	if l.docker {
		g.daemon(t)
	}
	g.watch(t)
	if l.docker {
		g.proxy(t)
	}
	g.begin(t)
	return g
}

// install puts the binary where a watch keeps it in use.
func (l load) install(t *testing.T) string {
	t.Helper()
	shim := capable(t)
	if l.bare {
		if err := unix.Removexattr(shim, "security.capability"); err != nil {
			t.Fatal(err)
		}
	}
	place := filepath.Join(filepath.Dir(shim), "lib", "worker-wrap", "worker-wrap")
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(shim, place); err != nil {
		t.Fatal(err)
	}
	return place
}

// daemon answers at the runner's Docker socket.
func (g *ground) daemon(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("unix", g.socket())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		server.Close()
		<-done
	})
	if err := os.Chown(g.socket(), user, user); err != nil {
		t.Fatal(err)
	}
}

// watch keeps a worker-wrap watch beside the runner.
func (g *ground) watch(t *testing.T) {
	t.Helper()
	prefix := strings.TrimSuffix(g.shim, "/lib/worker-wrap/worker-wrap")
	if g.bare {
		return // a binary without the capability is none that a watch would put in place
	}
	c := command(nil, g.shim, "watch", "--runner-root", g.root, "--prefix", prefix)
	if g.byRoot {
		c.SysProcAttr = nil
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		// It may first have made a script of the link in the Worker's place.
		if err := c.Wait(); err != nil || !strings.HasSuffix(c.err.String(), "worker-wrap: watching "+g.root+"\n") {
			t.Errorf("the watch ends with %v, and says %q", err, &c.err)
		}
	})
	eventually(t, func() error {
		if !strings.Contains(c.err.String(), " watching ") {
			return fmt.Errorf("the watch does not watch: %q", &c.err)
		}
		return nil
	})
	g.long = append(g.long, longLived{name: "the watch", pid: c.Process.Pid})
}

// proxy keeps a Worker and its Docker proxy, which answers.
func (g *ground) proxy(t *testing.T) {
	t.Helper()
	before := childrenOf(t, os.Getpid())
	p := g.shell(t)
	g.workers = append(g.workers, p.Process.Pid)
	store, err := os.Open(g.store) // a socket's path is not to be long
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	socket := fmt.Sprintf("/proc/self/fd/%d/%s.docker.sock", store.Fd(), filepath.Base(p.Host))
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return net.Dial("unix", socket)
		},
	}}
	ask := func() error {
		answer, err := client.Get("http://docker/_ping")
		if err != nil {
			return err
		}
		return answer.Body.Close()
	}
	proxies := slices.DeleteFunc(childrenOf(t, os.Getpid()), func(pid int) bool {
		return pid == p.Process.Pid || slices.Contains(before, pid)
	})
	if len(proxies) != 1 {
		t.Fatalf("a Worker's start leaves processes %v, want one proxy", proxies)
	}
	g.long = append(g.long, longLived{name: "the proxy", pid: proxies[0]})
	t.Cleanup(p.End)
	g.use = func() {
		parallel(1000, 4, func(int) {
			if err := ask(); err != nil {
				t.Errorf("the proxy does not answer: %v", err)
			}
		})
	}
}

// argv is the command line that starts a Worker with the arguments given.
func (g *ground) argv(args ...string) []string {
	env := []string{"env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	for _, setting := range g.settings {
		env = append(env, "WORKER_WRAP_"+setting)
	}
	if g.docker {
		env = append(env, "DOCKER_HOST=unix://"+g.socket())
	} else {
		env = append(env, "WORKER_WRAP_DOCKER=off")
	}
	if !g.byRoot {
		id := strconv.Itoa(user)
		env = append(testkit.UserWords(id, id), env...)
	}
	return append(append(env, g.worker), args...)
}

// shell starts a Worker that is talked to.
func (g *ground) shell(t *testing.T) *testkit.Process {
	t.Helper()
	argv := g.argv()
	return testkit.Shell(t, argv[0], argv[1:]...)
}

// start starts a Worker that ends at once.
func (g *ground) start() error {
	argv := g.argv("-c", ":")
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil || len(out) > 0 {
		return fmt.Errorf("a start failed: %v\n%s", err, out)
	}
	return nil
}

// toRoot makes all of the runner root's.
func (g *ground) toRoot(t *testing.T) {
	t.Helper()
	testkit.Give(t, g.root, 0)
}
