package erldist_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"meshproof.dev/meshproof/e2e/erldist"
	"meshproof.dev/meshproof/e2e/erldist/erldisttest"
)

// List the nodes of an epmd.
func ExampleNames() {
	epmd, err := erldisttest.EPMD{Nodes: []erldisttest.Registered{{Name: "shop", Port: 9100}}}.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer epmd.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	names, err := erldist.Names(ctx, new(net.Dialer).DialContext, epmd.Addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range names {
		fmt.Println(n)
	}
	// Output: name shop at port 9100
}

// Read the name and creation of a node without its cookie.
func ExampleChallenge() {
	node, err := erldisttest.Node{Name: "shop@10.0.0.7", Cookie: "secret", Creation: 42}.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	peer, err := erldist.Challenge(ctx, new(net.Dialer).DialContext, node.Addr)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(peer.Name, peer.Creation)
	// Output: shop@10.0.0.7 42
}

// Connect to a node as a hidden node and read its view. A wrong cookie has its own outcome.
func ExampleConnect() {
	node, err := erldisttest.Node{Name: "a@10.0.0.7", Cookie: "secret", Nodes: func() (visible, hidden []string) {
		return []string{"b@10.0.0.8", "c@10.0.0.9"}, nil
	}}.Listen()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	dial := new(net.Dialer).DialContext
	conn, err := erldist.Connect(ctx, dial, node.Addr, erldist.NewCookie([]byte("secret")))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	nodes, err := conn.Nodes(ctx)
	fmt.Println(nodes, err)

	_, err = erldist.Connect(ctx, dial, node.Addr, erldist.NewCookie([]byte("guess")))
	fmt.Println(erldist.OutcomeOf(err))
	// Output:
	// [b@10.0.0.8 c@10.0.0.9] <nil>
	// closed-after-reply
}
