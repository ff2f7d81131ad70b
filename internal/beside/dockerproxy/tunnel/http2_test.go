package tunnel_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/tunnel"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestHTTP2: by HTTP/2 with prior knowledge gRPC passes, both ways and for many requests at once, and a client of
// anything else gets one line.
func TestHTTP2(t *testing.T) {
	dir := testkit.Dir(t)
	back, err := net.Listen("unix", filepath.Join(dir, "back"))
	if err != nil {
		t.Fatal(err)
	}
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetUnencryptedHTTP2(true)
	asked := make(chan string, 100)
	server := &http.Server{Protocols: both, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Proto + " " + r.URL.Path
		_, _ = io.Copy(w, r.Body)
	})}
	go func() { _ = server.Serve(back) }()
	defer server.Close()

	front, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "front"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := front.File()
	if err != nil {
		t.Fatal(err)
	}
	front.SetUnlinkOnClose(false)
	front.Close()
	tun := &tunnel.Tunnel{
		Dial:    func() (stream.Conn, error) { return stream.Dial(filepath.Join(dir, "back")) },
		Limit:   limit,
		Route:   func(string, string) tunnel.Exchange { return tunnel.Exchange{} },
		Refusal: func(err error) (string, []byte) { return "text/plain", []byte(err.Error()) },
	}
	var serving sync.WaitGroup
	defer serving.Wait()
	defer listener.Close()
	serving.Go(func() {
		for {
			conn, err := stream.Accept(listener)
			if err != nil {
				return
			}
			serving.Go(func() { tun.Serve(conn) })
		}
	})
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	var clients []*http.Client
	newClient := func() *http.Client {
		c := &http.Client{Transport: &http.Transport{Protocols: only, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "front"))
		}}}
		clients = append(clients, c)
		return c
	}
	defer func() {
		for _, c := range clients {
			c.CloseIdleConnections()
		}
	}()
	post := func(c *http.Client, mediaType, body string) (int, string) {
		t.Helper()
		answer, err := c.Post("http://docker/x", mediaType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}

	for _, mediaType := range []string{"application/grpc", "application/grpc+proto"} {
		c := newClient()
		long := strings.Repeat("long ", 1<<18)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if status, body := post(c, mediaType, long); status != http.StatusOK || body != long {
					t.Errorf("%s: %d, %d bytes", mediaType, status, len(body))
				}
			})
		}
		wg.Wait()
		for range 8 {
			if was := <-asked; was != "HTTP/2.0 /x" {
				t.Errorf("the server was asked %q", was)
			}
		}
	}
	for _, mediaType := range []string{"application/json", "text/plain"} {
		for _, body := range []string{"{}", strings.Repeat("long ", 1<<18)} {
			status, text := post(newClient(), mediaType, body)
			if status != http.StatusBadRequest || !strings.Contains(text, "HTTP/2 with prior knowledge") || strings.Contains(text, "\n") {
				t.Errorf("%s: %d %q", mediaType, status, text)
			}
		}
	}
	if len(asked) > 0 {
		t.Errorf("the server was asked %q", <-asked)
	}
}
