package main

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"
)

// client speaks with one socket over kept connections.
type client struct{ http.Client }

func newClient(socket string) *client {
	return &client{http.Client{Transport: &http.Transport{
		WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// do asks, reads the answer to its end, and returns its status and length.
func (c *client) do(method, path, mediaType string, body []byte) (status int, n int64, err error) {
	request, err := http.NewRequest(method, "http://docker"+path, bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Content-Type", mediaType)
	answer, err := c.Do(request)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	n, err = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode, n, err
}

func (c *client) ok(method, path string) bool {
	status, _, err := c.do(method, path, "", nil)
	return err == nil && status == http.StatusOK
}

// bench compares sockets: the daemon's, one behind which all is only copied, and the proxy's.
type bench struct {
	o                     options
	bare, copied, proxied *client
	work                  string
	met                   bool
}

// ask is one kind of request: what is timed, and what is not.
type ask struct {
	name  string
	want  int // status
	n     int
	timed func(c *client, i int) (status int, err error)
	after func(c *client, i int) error
}

const image = "bench:1"

func (b *bench) latencies() error {
	if _, err := b.importImage(1 << 10); err != nil {
		return err
	}
	create := func(image string) func(c *client, i int) (int, error) {
		body := []byte(fmt.Sprintf(`{"Image":%q,"Cmd":["true"],"Env":["CI=true","HOME=/github/home"],"Labels":{"bench":"1"},"HostConfig":{"NetworkMode":"none","Binds":["%[2]s:/__w","%[2]s/_temp:/__w/_temp","%[2]s/_actions:/__w/_actions","%[2]s/_tool:/__w/_tool","%[2]s/_temp/_github_home:/github/home","%[2]s/_temp/_github_workflow:/github/workflow"],"Memory":0,"LogConfig":{"Type":"none","Config":{}}}}`, image, b.work))
		return func(c *client, i int) (int, error) {
			status, _, err := c.do("POST", fmt.Sprintf("/v1.41/containers/create?name=bench-%d", i), "application/json", body)
			return status, err
		}
	}
	fmt.Printf("\n%-40s %10s %12s %10s %10s %10s\n", "median of a request, µs", "bare", "copied in C", "which adds", "proxied", "which adds")
	for _, a := range []ask{
		{name: "GET /_ping, one connection", want: 200, n: b.o.rounds, timed: func(c *client, _ int) (int, error) {
			status, _, err := c.do("GET", "/_ping", "", nil)
			return status, err
		}},
		{name: "GET /_ping, a new connection each", want: 200, n: b.o.rounds, timed: func(c *client, _ int) (int, error) {
			c.CloseIdleConnections()
			status, _, err := c.do("GET", "/_ping", "", nil)
			return status, err
		}},
		{name: "POST /containers/create, image missing", want: 404, n: b.o.rounds, timed: create("none:such")},
		{
			name: "POST /containers/create", want: 201, n: max(b.o.rounds/5, 20), timed: create(image),
			after: func(c *client, i int) error {
				_, _, err := c.do("DELETE", fmt.Sprintf("/containers/bench-%d?force=1", i), "", nil)
				return err
			},
		},
	} {
		if err := b.latency(a); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// latency asks each in turn. What one adds is the median of the differences between neighbours.
func (b *bench) latency(a ask) error {
	var took [3][]time.Duration
	var added [3][]time.Duration
	one := func(c *client, i int) (time.Duration, error) {
		began := time.Now()
		status, err := a.timed(c, i)
		took := time.Since(began)
		if err == nil && status != a.want {
			err = fmt.Errorf("status %d, want %d", status, a.want)
		}
		if err == nil && a.after != nil {
			err = a.after(c, i)
		}
		return took, err
	}
	const warm = 20
	for i := range a.n + warm {
		var now [3]time.Duration
		for turn := range now { // each is first every third time
			which := (i + turn) % len(now)
			var err error
			if now[which], err = one([]*client{b.bare, b.copied, b.proxied}[which], len(now)*i+which); err != nil {
				return err
			}
		}
		if i < warm {
			continue
		}
		for which, d := range now {
			took[which] = append(took[which], d)
			added[which] = append(added[which], d-now[0])
		}
	}
	cost := micro(median(added[2]))
	fmt.Printf("%-40s %10.0f %12.0f %10.0f %10.0f %10.0f (wanted: 150 µs or less)\n", a.name, micro(median(took[0])), micro(median(took[1])), micro(median(added[1])), micro(median(took[2])), cost)
	b.met = b.met && cost <= 150
	return nil
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func (b *bench) transfers() error {
	size := b.o.size << 20
	layer, err := b.importImage(size)
	if err != nil {
		return err
	}
	var saved bytes.Buffer
	answer, err := b.bare.Get("http://docker/images/" + image + "/get")
	if err != nil {
		return err
	}
	_, err = io.Copy(&saved, answer.Body)
	answer.Body.Close()
	if err != nil {
		return err
	}
	context := tarOf(file{"Dockerfile", []byte("FROM scratch\nCOPY Dockerfile /\n")}, file{"data", layer})
	fmt.Printf("\n%-44s %10s %10s %10s\n", "the best of the transfers, MiB/s", "bare", "proxied", "ratio")
	for _, x := range []struct {
		name string
		size int
		do   func(c *client) (int, int64, error)
	}{
		{"docker save (GET /images/x/get)", size, func(c *client) (int, int64, error) {
			return c.do("GET", "/images/"+image+"/get", "", nil)
		}},
		{"docker load (POST /images/load)", saved.Len(), func(c *client) (int, int64, error) {
			return c.do("POST", "/images/load?quiet=1", "application/x-tar", saved.Bytes())
		}},
		{"docker build, context (POST /build)", len(context), func(c *client) (int, int64, error) {
			return c.do("POST", "/build?t=built&nocache=1", "application/x-tar", context)
		}},
	} {
		if err := b.transfer(x.name, x.size, x.do); err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return nil
}

func (b *bench) transfer(name string, size int, do func(c *client) (int, int64, error)) error {
	var bare, proxied []time.Duration
	one := func(c *client) (time.Duration, error) {
		began := time.Now()
		status, _, err := do(c)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return time.Since(began), err
	}
	for i := range b.o.streams + 1 {
		x, err := one(b.bare)
		if err != nil {
			return err
		}
		y, err := one(b.proxied)
		if err != nil {
			return err
		}
		if i > 0 { // the first warms caches
			bare, proxied = append(bare, x), append(proxied, y)
		}
	}
	rate := func(d time.Duration) float64 { return float64(size) / (1 << 20) / d.Seconds() }
	x, y := slices.Min(bare), slices.Min(proxied) // whatever else runs only makes them slower
	ratio := float64(x) / float64(y)
	fmt.Printf("%-44s %10.0f %10.0f %10.2f (wanted: 0.9 or more)\n", name, rate(x), rate(y), ratio)
	b.met = b.met && ratio >= 0.9
	return nil
}

// importImage makes the image with one file of so many bytes that do not compress, and returns them.
func (b *bench) importImage(size int) ([]byte, error) {
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(data) // never fails
	status, _, err := b.bare.do("POST", "/images/create?fromSrc=-&repo=bench&tag=1", "application/x-tar", tarOf(file{"data", data}))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("making an image: status %d", status)
	}
	return data, err
}

type file struct {
	name string
	data []byte
}

func tarOf(files ...file) []byte {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		_ = w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))}) // into memory
		_, _ = w.Write(f.data)
	}
	_ = w.Close()
	return out.Bytes()
}
