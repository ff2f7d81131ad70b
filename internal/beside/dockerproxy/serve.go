package dockerproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/rewrite"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/tunnel"
)

// bodyLimit is the largest body, in bytes, in which paths are changed.
const bodyLimit = 16 << 20

// serve relays the listener's connections until it is closed, or shut down by [Launched.End].
func serve(c Config, listener *os.File, logger *log.Logger) {
	job := rewrite.Job{
		Temp:   hostpath.Redirect{Job: c.Temp, Host: c.Private},
		Socket: hostpath.Redirect{Job: c.Real, Host: c.Socket},
		Places: c.Places,
		Runner: []string{filepath.Dir(c.Temp)},
		Hidden: c.Hidden != "",
		Own:    own,
		Ask:    func(target string) []byte { return ask(c.Real, target) },
	}
	if c.Diag != "" {
		job.Runner = append(job.Runner, filepath.Dir(c.Diag))
	}
	if c.Log != "" {
		job.Note = logger.Printf
	}
	r := router{rewrite.New(job)}
	idle := time.AfterFunc(idleTime, giveBack)
	t := &tunnel.Tunnel{
		Dial: func() (stream.Conn, error) { return dial(c.Real) },
		Route: func(method, target string) tunnel.Exchange {
			idle.Reset(idleTime)
			return r.route(method, target)
		},
		Limit:   bodyLimit,
		Refusal: refusal,
	}
	for {
		client, err := stream.Accept(listener)
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil: // no descriptors or memory left: clients wait until there are again
			logger.Printf("accept: %v", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		go t.Serve(client)
	}
}

// own reports whether this process is in the container with that ID: an engine mounts files for it, /etc/hostname and
// others, from a folder of that name.
func own(id string) bool {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	return err == nil && len(id) == 64 && bytes.Contains(mounts, []byte("containers/"+id+"/"))
}

// dial connects to the real socket.
func dial(path string) (stream.Conn, error) {
	conn, err := stream.Dial(path)
	if err != nil {
		return conn, unreachable(path, err)
	}
	return conn, nil
}

// unreachable is what a client is told while there is no daemon. It knows the first sentence.
func unreachable(path string, err error) error {
	//lint:ignore ST1005 the first words are those of the Docker clients
	return fmt.Errorf("Cannot connect to the Docker daemon at unix://%s. Is the docker daemon running? (worker-wrap: %w)", path, err)
}

// refusal is an error in the form that the daemon gives its own.
func refusal(err error) (mediaType string, body []byte) {
	body, _ = json.Marshal(map[string]string{"message": err.Error()}) // a string can always be encoded
	return "application/json", append(body, '\n')
}
