package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/httpstream" //nolint:staticcheck // as in forward.go
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/agent"
)

// How a forwarded connection ends says whether its peer has closed it: a node that refuses a cookie does that, and no other end of a
// connection may be taken for it.
func TestHowAForwardedConnectionEnds(t *testing.T) {
	for name, c := range map[string]struct {
		peer func(net.Conn)
		end  func(g *fakeAPIServer, c net.Conn)
		want error
	}{
		"the peer closes it":          {func(c net.Conn) { _ = c.Close() }, func(*fakeAPIServer, net.Conn) {}, io.EOF},
		"the port-forward dies":       {func(net.Conn) {}, func(g *fakeAPIServer, _ net.Conn) { g.die() }, errForwardEnded},
		"the peer answers nothing":    {func(net.Conn) {}, func(_ *fakeAPIServer, c net.Conn) { _ = c.SetDeadline(time.Now().Add(200 * time.Millisecond)) }, os.ErrDeadlineExceeded},
		"the deadline is in the past": {func(net.Conn) {}, func(_ *fakeAPIServer, c net.Conn) { _ = c.SetDeadline(time.Unix(1, 0)) }, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, closed := l.Accept()
					if closed != nil {
						return
					}
					b := make([]byte, 1)
					if _, err = conn.Read(b); err == nil {
						c.peer(conn)
					}
				}
			}()
			g := &fakeAPIServer{t: t, agent: l.Addr().String(), paths: make(chan string, 9), conns: make(chan httpstream.Connection, 9)}
			s := httptest.NewServer(g)
			defer s.Close()
			cfg := &rest.Config{Host: s.URL}
			client, err := kubernetes.NewForConfig(cfg)
			if err != nil {
				t.Fatal(err)
			}
			f := NewForward(cfg, client, "shop", "shop-0", agent.Port)
			defer f.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			conn, err := f.Dial(ctx, "tcp", "")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err = conn.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			c.end(g, conn)
			if _, err = conn.Read(make([]byte, 1)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}
