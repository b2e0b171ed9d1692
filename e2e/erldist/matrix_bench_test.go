package erldist_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
)

// BenchmarkMatrix reads the views of a hundred nodes over existing connections: each returns its view of the other 99.
func BenchmarkMatrix(b *testing.B) {
	const n = 100
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("shop@10.0.%d.%d", i/200, i%200+1)
	}
	conns := make([]*erldist.Conn, n)
	for i, name := range names {
		others := append(append([]string{}, names[:i]...), names[i+1:]...)
		s := erldisttest.Node{Name: name, Cookie: secret, Nodes: func() ([]string, []string) { return others, nil }}.Start(b)
		c, err := erldist.Connect(context.Background(), dial, s.Addr, erldist.NewCookie([]byte(secret)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = c.Close() })
		conns[i] = c
	}
	for b.Loop() {
		var all sync.WaitGroup
		for _, c := range conns {
			all.Go(func() {
				if seen, err := c.Nodes(context.Background()); err != nil || len(seen) != n-1 {
					b.Errorf("%d nodes, %v", len(seen), err)
				}
			})
		}
		all.Wait()
	}
}
