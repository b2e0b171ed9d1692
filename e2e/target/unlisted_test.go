package target

import (
	"context"
	"slices"
	"testing"

	"k8s.io/client-go/rest"

	"meshproof.dev/meshproof/e2e/engine"
	"meshproof.dev/meshproof/e2e/exitcode"
	"meshproof.dev/meshproof/e2e/target/internal/fakepodman"
)

// A user with rights in one namespace alone may not list the nodes. That the containers are those of the cluster is seen by the port
// of its API server.
func TestNodesOfAKindClusterThatMayNotBeListed(t *testing.T) {
	fake := fakepodman.Install(t)
	for _, name := range []string{"b-control-plane", "b-control-plane2", "b-worker", "b-external-load-balancer"} {
		fake.Container(t, name, "b")
	}
	fake.Container(t, "other-control-plane", "other")
	fake.Publishes(t, "b-external-load-balancer", "6443/tcp -> 127.0.0.1:41234")
	fake.Publishes(t, "other-control-plane", "6443/tcp -> 127.0.0.1:50000")
	c := &Cluster{Context: "kind-b", unlisted: true, Config: &rest.Config{Host: "https://127.0.0.1:41234"}, engine: engine.New(engine.Podman, nil)}
	nodes, err := c.containers(context.Background())
	if err != nil || !slices.Equal(nodes, []string{"b-control-plane", "b-control-plane2", "b-worker"}) {
		t.Errorf("%q, %v", nodes, err)
	}
	// Somebody's context of that name is another cluster.
	c.Config.Host = "https://127.0.0.1:50000"
	_, err = c.containers(context.Background())
	refused(t, err, exitcode.Unavailable, "cannot be told, because you may not list nodes", "https://127.0.0.1:50000", "registry")
}
